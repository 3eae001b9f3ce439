"""The SQL functions for reports, compared with definitions in Python that use neither SQL nor indexes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import DatabaseError, ProgrammingError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from presence_events import sql
from tests.backdating import RoomPruned, Stay, write
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
BORDERS = [timedelta(seconds=8**power) for power in range(1, 10)]
"""Where one magnitude of presence_events/schema/indexes.py ends and the next begins."""
LENGTHS = [timedelta(), INSTANT, *(border + n * INSTANT for border in BORDERS for n in (-1, 0, 1)), 2 * BORDERS[-1]]
FUNCTIONS = {
    "presence_at": "presence_at('2024-03-04 12:00+00')",
    "presence_during": "presence_during('-infinity', 'infinity')",
    "presence_occupancy": "presence_occupancy('lobby', '2024-03-04 12:00+00', '2024-03-04 13:00+00', '1 hour')",
    "presence_attendance": "presence_attendance('lobby', '2024-03-04 12:00+00', '2024-03-04 13:00+00')",
}
each_function = pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)
Rows = list[tuple[Any, ...]]


def query(statement: str, *arguments: Any) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        rows: Rows = cursor.fetchall()
        return rows


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def rolled_back() -> Iterator[None]:
    """Rolls back all changes of the block."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def present(stays: list[Stay], moment: datetime) -> list[Stay]:
    return [stay for stay in stays if stay.joined <= moment and (stay.left is None or moment < stay.left)]


def edges(stays: list[Stay]) -> list[datetime]:
    """Returns the instants just before, at, and just after every join and end."""
    ends = [end for stay in stays for end in (stay.joined, stay.left) if end is not None]
    return sorted({end + n * INSTANT for end in ends for n in (-1, 0, 1)})


# presence_at, presence_during


def check_presence(stays: list[Stay], moments: list[datetime], spans: list[tuple[datetime, datetime]]) -> None:
    for moment in moments:
        found = query("SELECT channel_name FROM presence_at(%s) ORDER BY 1", moment)
        assert [name for (name,) in found] == sorted(stay.channel for stay in present(stays, moment)), moment
    for start, stop in spans:
        found = query("SELECT channel_name FROM presence_during(%s, %s) ORDER BY 1", start, stop)
        expected = [s.channel for s in stays if s.joined < stop and (s.left is None or start < s.left)]
        assert [name for (name,) in found] == sorted(expected), (start, stop)


def test_stays_of_every_magnitude_are_found_from_the_first_instant_to_the_last() -> None:
    """Some stays begin at the same moment, some end at it, and some have it in their middle."""
    moment = LONG_AGO + timedelta(days=3650)
    begins = [(length, moment - part * length / 2) for length in LENGTHS for part in (0, 1, 2)]
    stays = [Stay("lobby", f"c{n}", None, begin, begin + length) for n, (length, begin) in enumerate(begins)]
    write(*stays)
    moments = edges(stays)
    around = [moment + n * INSTANT for n in (-1, 0, 1)]
    spans = [*pairwise(moments), *((start, stop) for start in around for stop in around if start <= stop)]
    check_presence(stays, moments, spans)


LENGTH = st.sampled_from(LENGTHS) | st.timedeltas(timedelta(), 2 * BORDERS[-1])


@st.composite
def stays_of_all_lengths(draw: st.DrawFn) -> list[Stay]:
    """Draws stays, one for each connection. Some begin when another begins or ends, or an instant before or after."""
    ends = [LONG_AGO]
    stays = []
    for number in range(draw(st.integers(1, 9))):
        joined = draw(st.sampled_from(ends)) + draw(LENGTH | st.integers(-1, 1).map(lambda n: n * INSTANT))
        left = joined + draw(LENGTH) if draw(st.booleans()) else None
        stays.append(Stay(draw(st.sampled_from(["hall", "lobby"])), f"c{number}", None, joined, left))
        ends += [joined, left or joined]
    return stays


@given(stays_of_all_lengths(), st.randoms(use_true_random=False))
def test_presence_matches_the_definition(stays: list[Stay], random: Any) -> None:
    moments = edges(stays)
    pairs = [sorted(random.choices(moments, k=2)) for _ in range(10)]
    with rolled_back():
        write(*stays)
        check_presence(stays, moments, [(start, stop) for start, stop in pairs])


def test_minus_infinity_and_infinity_are_accepted() -> None:
    write(Stay("lobby", "gone", None, LONG_AGO, NOON), Stay("lobby", "here", None, NOON))
    assert len(query("SELECT FROM presence_during('-infinity', 'infinity')")) == 2
    assert query("SELECT channel_name FROM presence_during(%s, 'infinity')", NOON) == [("here",)]
    assert query("SELECT FROM presence_at('-infinity')") == []


def test_a_stay_without_duration_is_at_no_moment_but_in_the_span_around_it() -> None:
    write(Stay("lobby", "a", None, NOON, NOON))
    assert query("SELECT FROM presence_at(%s)", NOON) == []
    assert len(query("SELECT FROM presence_during(%s, %s)", NOON - INSTANT, NOON + INSTANT)) == 1


def test_up_to_a_minute_ahead_counts_as_now() -> None:
    write(Stay("lobby", "a", None, NOON))
    assert len(query("SELECT FROM presence_at(now() + interval '55 s')")) == 1
    assert len(query("SELECT FROM presence_during(now() + interval '55 s', 'infinity')")) == 1
    assert query("SELECT FROM presence_occupancy('lobby', now() + interval '55 s', 'infinity', '1 day')") == []


# presence_occupancy


def occupancy(room: str, start: Any, stop: Any, step: Any) -> Rows:
    return query("SELECT * FROM presence_occupancy(%s, %s, %s, %s)", room, start, stop, step)


def occupancy_by_definition(stays: list[Stay], start: datetime, stop: datetime, step: timedelta) -> Rows:
    """Cuts each step at every join and end, and measures the pieces."""
    rows = []
    while start < stop:
        end = min(start + step, stop)
        cuts = sorted({start, end, *(cut for cut in edges(stays) if start < cut < end)})
        pieces = [present(stays, cut) for cut in cuts[:-1]]
        lasts = [after - before for before, after in pairwise(cuts)]
        connections = measured([{stay.channel for stay in piece} for piece in pieces], lasts)
        users = measured([{stay.user for stay in piece if stay.user is not None} for piece in pieces], lasts)
        rows.append((start, *connections, *users))
        start = end
    return rows


def measured(pieces: list[set[Any]], lasts: list[timedelta]) -> tuple[Any, ...]:
    """Returns the number of different ones, the largest number at the same time, and the average number."""
    total = sum((len(piece) * time for piece, time in zip(pieces, lasts, strict=True)), timedelta())
    average = total / sum(lasts, timedelta())
    return (len(set().union(*pieces)), max(map(len, pieces)), pytest.approx(average, rel=1e-12))


# A small set, so many events coincide with each other and with the start of a step.
MOMENT = st.builds(
    lambda minutes, instants: NOON + minutes * MINUTE + instants * INSTANT,
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
)
STEP = st.sampled_from([MINUTE, 3 * MINUTE, 4 * MINUTE, timedelta(seconds=137, microseconds=1), timedelta(days=400)])


@st.composite
def visits(draw: st.DrawFn) -> list[tuple[str, str, int | None, datetime, datetime | None]]:
    """Draws stays that do not overlap. A connection may come back the instant it leaves, and as another user."""
    found = []
    for room in ("hall", "lobby"):
        for channel in "abcd":
            times = sorted(draw(st.lists(MOMENT, max_size=7)))
            for joined, left in zip(times[::2], [*times[1::2], None], strict=False):
                found.append((room, channel, draw(st.sampled_from([None, 0, 1])), joined, left))
    return found


@given(visits(), MOMENT, st.integers(0, 15), STEP)
def test_occupancy_matches_the_definition(visits: Any, start: datetime, minutes: int, step: timedelta) -> None:
    with rolled_back():
        users = get_user_model()._default_manager
        keys = [users.create(username=name).pk for name in ("ada", "grace")]
        stays = [Stay(room, ch, None if person is None else keys[person], *when) for room, ch, person, *when in visits]
        write(*stays)
        lobby = [stay for stay in stays if stay.room == "lobby"]
        stop = start + minutes * MINUTE
        assert occupancy("lobby", start, stop, step) == occupancy_by_definition(lobby, start, stop, step)
        assert_live_is_the_fold()


def test_a_user_counts_once_while_any_of_their_tabs_is_present(user: Any) -> None:
    write(
        Stay("lobby", "outer", user, NOON, NOON + 40 * MINUTE),
        Stay("lobby", "inner", user, NOON + 10 * MINUTE, NOON + 20 * MINUTE),
        Stay("lobby", "next", user, NOON + 40 * MINUTE, NOON + 50 * MINUTE),
    )
    row = (NOON, 3, 2, 1.0, 1, 1, pytest.approx(50 / 60))
    assert occupancy("lobby", NOON, NOON + 60 * MINUTE, "1 hour") == [row]


def test_a_user_who_leaves_when_a_step_begins_counts_in_it_only_after_coming_back() -> None:
    users = [get_user_model()._default_manager.create(username=name) for name in "abc"]
    write(
        *(Stay("lobby", user.username, user, NOON, NOON + 30 * MINUTE) for user in users),
        Stay("lobby", "a", users[0], NOON + 40 * MINUTE, NOON + 55 * MINUTE),
    )
    found = occupancy("lobby", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 3, 3, 3.0, 3, 3, 3.0), (NOON + 30 * MINUTE, 1, 1, 0.5, 1, 1, 0.5)]


def test_occupancy_spans_rooms_of_the_same_name_that_were_pruned(user: Any) -> None:
    write(
        Stay("lobby", "a", user, NOON, NOON + 15 * MINUTE),
        RoomPruned("lobby", NOON + 15 * MINUTE),
        Stay("lobby", "a", None, NOON + 30 * MINUTE, NOON + 45 * MINUTE),
        RoomPruned("lobby", NOON + 50 * MINUTE),
    )
    found = occupancy("lobby", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 1, 1, 0.5, 1, 1, 0.5), (NOON + 30 * MINUTE, 1, 1, 0.5, 0, 0, 0.0)]


def test_an_unknown_room_is_always_empty() -> None:
    found = occupancy("nowhere", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 0, 0, 0, 0, 0, 0), (NOON + 30 * MINUTE, 0, 0, 0, 0, 0, 0)]


def test_stays_without_duration_are_not_counted() -> None:
    """Such a stay is at no moment."""
    write(Stay("lobby", "a", None, NOON, NOON), Stay("lobby", "b", None, NOON + MINUTE, NOON + MINUTE))
    assert occupancy("lobby", NOON, NOON + 60 * MINUTE, "1 hour") == [(NOON, 0, 0, 0, 0, 0, 0)]


def test_occupancy_ends_now() -> None:
    ((now,),) = query("SELECT now()")
    write(Stay("lobby", "a", None, now - 60 * MINUTE))
    first, last = occupancy("lobby", now - 90 * MINUTE, now + 90 * MINUTE, "1 hour")
    assert first == (now - 90 * MINUTE, 1, 1, 0.5, 0, 0, 0)
    assert last == (now - 30 * MINUTE, 1, 1, 1.0, 0, 0, 0)
    assert [row[1:] for row in occupancy("lobby", now - 30 * MINUTE, "infinity", "1000 years")] == [last[1:]]


def test_an_empty_span_has_no_steps() -> None:
    assert occupancy("lobby", NOON, NOON, "1 hour") == []


def local_buckets(zone: str, start: str, stop: str, step: str) -> list[tuple[str, float]]:
    """Returns the start of each step by the clocks of ``zone``, and the average number of connections."""
    with rolled_back(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        cursor.execute(
            "SELECT to_char(bucket, 'MM-DD HH24:MI'), average_connections"
            " FROM presence_occupancy('lobby', %s::timestamptz, %s::timestamptz, %s) ORDER BY bucket",
            [start, stop, step],
        )
        rows: list[tuple[str, float]] = cursor.fetchall()
        return rows


def test_a_day_has_its_length_in_the_time_zone_of_the_database_connection() -> None:
    spring, autumn = datetime(2024, 3, 30, 23, tzinfo=UTC), datetime(2024, 10, 26, 22, tzinfo=UTC)
    write(
        Stay("lobby", "a", None, spring, spring + 23 / 2 * 60 * MINUTE),
        Stay("lobby", "a", None, autumn, autumn + 25 / 2 * 60 * MINUTE),
    )
    spring_days = local_buckets("Europe/Berlin", "2024-03-30", "2024-04-02", "1 day")
    assert spring_days == [("03-30 00:00", 0), ("03-31 00:00", 0.5), ("04-01 00:00", 0)]
    autumn_days = local_buckets("Europe/Berlin", "2024-10-26", "2024-10-29", "1 day")
    assert autumn_days == [("10-26 00:00", 0), ("10-27 00:00", 0.5), ("10-28 00:00", 0)]


@pytest.mark.parametrize(
    ("zone", "start", "stop", "step", "begins"),
    [
        (
            "America/Sao_Paulo",
            "2018-11-03",
            "2018-11-06",
            "1 day",
            ["11-03 00:00", "11-04 01:00", "11-05 00:00"],
        ),
        ("Pacific/Apia", "2011-12-29", "2012-01-01", "1 day", ["12-29 00:00", "12-31 00:00"]),
        ("UTC", "2024-01-31", "2024-05-01", "1 month", ["01-31 00:00", "02-29 00:00", "03-31 00:00", "04-30 00:00"]),
    ],
    ids=["missing midnight", "missing day", "short month"],
)
def test_gaps_in_the_calendar_do_not_move_later_steps(
    zone: str, start: str, stop: str, step: str, begins: list[str]
) -> None:
    write(Stay("lobby", "a", None, LONG_AGO))
    assert local_buckets(zone, start, stop, step) == [(begin, 1.0) for begin in begins]


# presence_attendance. tests/properties/test_attendance.py has its definition.


def test_attendance_until_infinity_ends_now(user: Any) -> None:
    write(Stay("lobby", "a", user, NOON), Stay("lobby", "b", None, NOON, NOON + MINUTE))
    (ada, guest) = query("SELECT * FROM presence_attendance('lobby', %s, 'infinity') ORDER BY stays, user_id", NOON)
    ((now,),) = query("SELECT statement_timestamp()")
    assert (ada[0], ada[1:4], ada[7:10]) == (user.pk, (NOON, None, NOON), (timedelta(), None, None))
    assert timedelta() < ada[5] <= now - NOON
    assert (guest[0], guest[2], guest[5]) == (None, NOON + MINUTE, MINUTE)
    assert guest[9] <= now - NOON - MINUTE


def test_attendance_from_up_to_a_minute_ahead_is_of_no_time(user: Any) -> None:
    write(Stay("lobby", "a", user, NOON))
    assert query("SELECT * FROM presence_attendance('lobby', now() + interval '55 s', 'infinity')") == []


# Invalid queries


MISSING = "the times and the step of a presence query must not be NULL"


@pytest.mark.parametrize(
    ("call", "state", "message"),
    [
        ("presence_at(NULL)", "22004", MISSING),
        ("presence_during(now(), NULL)", "22004", MISSING),
        ("presence_during(NULL, now())", "22004", MISSING),
        ("presence_occupancy('a', NULL, now(), '1 day')", "22004", MISSING),
        ("presence_occupancy('a', now(), NULL, '1 day')", "22004", MISSING),
        ("presence_occupancy('a', now(), now(), NULL)", "22004", MISSING),
        ("presence_at('infinity')", "22008", "infinity is in the future"),
        ("presence_at(now() + interval '65 s')", "22008", "is in the future"),
        ("presence_during('3024-03-04 12:00+00', '3025-01-01')", "22008", "3024-03-04 12:00:00+00 is in the future"),
        ("presence_occupancy('a', '3024-03-04', '3025-01-01', '1 day')", "22008", "is in the future"),
        ("presence_attendance('a', NULL, now())", "22004", MISSING),
        ("presence_attendance('a', now(), NULL)", "22004", MISSING),
        ("presence_attendance('a', '3024-03-04', '3025-01-01')", "22008", "is in the future"),
        ("presence_attendance('a', '2024-03-04', '2024-03-03')", "22023", "is not a span of time"),
        ("presence_attendance('a', '2024-03-04 12:00+00', '2024-03-04 12:00+00')", "22023", "is not a span of time"),
        ("presence_attendance('a', '-infinity', '2024-03-04')", "22023", "from -infinity to 2024-03-04"),
        (
            "presence_during('2024-03-04 12:00+00', '2024-03-04 11:00+00')",
            "22023",
            "from 2024-03-04 12:00:00+00 to 2024-03-04 11:00:00+00 in steps of 00:00:01 is not a span of time",
        ),
        ("presence_occupancy('a', '2024-03-04', '2024-03-03', '1 day')", "22023", "is not a span of time"),
        ("presence_occupancy('a', '2024-03-04', '2024-03-05', '0')", "22023", "in steps of 00:00:00 is not a span"),
        ("presence_occupancy('a', '2024-03-04', '2024-03-05', '-1 day')", "22023", "in steps of -1 days is not a span"),
        ("presence_occupancy('a', '-infinity', '2024-03-05', '1 day')", "22023", "from -infinity to 2024-03-05"),
    ],
)
def test_an_invalid_query_raises_an_error_with_the_reason(call: str, state: str, message: str) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        query(f"SELECT * FROM {call}")
    assert message in str(refused.value)
    assert refused.value.__cause__.sqlstate == state  # type: ignore[union-attr]


@pytest.mark.parametrize("call", ["presence_at(moment)", "presence_during(moment, 'infinity')"])
def test_a_query_about_the_future_raises_an_error_even_without_any_stays(call: str) -> None:
    with pytest.raises(DatabaseError, match="in the future"), transaction.atomic():
        query(f"SELECT * FROM (VALUES (now() + interval '1 day')) AS question (moment), {call} WHERE room = 'nowhere'")


# Rights and search paths


@pytest.fixture
def reporter() -> None:
    """A role with the rights of the GRANT file, in a database that grants nothing to PUBLIC."""
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE), Stay("lobby", "b", None, NOON))
    run(
        "CREATE ROLE reporter",
        *(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in FUNCTIONS),
        "REVOKE ALL ON FUNCTION presence_check, presence_lasts, presence_magnitude FROM PUBLIC",
        sql.read("projections", "grants/reports").replace(':"role"', "reporter"),
    )


@each_function
def test_the_role_for_reports_may_call_the_function(call: str, reporter: None) -> None:
    expected = query(f"SELECT count(*) FROM {call}")
    run("SET LOCAL ROLE reporter")
    assert query(f"SELECT count(*) FROM {call}") == expected != [(0,)]


def test_the_role_for_reports_may_run_presence_at(reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    call_command("presence_at", "1", stdout=StringIO())


@pytest.mark.parametrize("table", ["presence_session", "presence_event", "presence_room", "presence"])
def test_the_role_for_reports_may_read(table: str, reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    assert query(f"SELECT * FROM {table}") != []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO presence_event (kind, room, channel_name) VALUES ('leave', 'lobby', 'b')",
        "INSERT INTO presence_room VALUES ('x', now())",
        "UPDATE presence_event SET room = 'x'",
        "UPDATE presence_open_stay SET touched_at = now()",
        "DELETE FROM presence_event",
        "DELETE FROM presence_open_stay",
        "DELETE FROM presence_room",
        "TRUNCATE presence_event",
        "TRUNCATE presence_open_stay, presence_room",
        "ALTER TABLE presence_event DISABLE TRIGGER ALL",
        "CREATE OR REPLACE VIEW presence_session AS SELECT 1",
        "DROP FUNCTION presence_at",
        "SELECT nextval('presence_event_id_seq')",
        "SELECT FROM presence_open_stay FOR UPDATE",
    ],
)
def test_the_role_for_reports_may_do_nothing_else(statement: str, reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        run(statement)


@pytest.mark.parametrize(
    "statement", ["INSERT INTO presence_session (room) VALUES ('x')", "DELETE FROM presence_session"]
)
def test_the_view_cannot_be_written(statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"cannot (insert into|delete from) view"), transaction.atomic():
        run(statement)


@each_function
def test_a_role_that_may_read_only_stays_and_segments_may_call_the_function(call: str) -> None:
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE))
    run("CREATE ROLE reader", "GRANT SELECT ON presence_session, presence_segment TO reader", "SET LOCAL ROLE reader")
    assert query(f"SELECT * FROM {call}") != []
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        query("SELECT * FROM presence_event")


@each_function
def test_the_function_works_with_any_search_path(call: str) -> None:
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE))
    expected = query(f"SELECT * FROM {call}")
    run(
        "CREATE SCHEMA elsewhere",
        "CREATE VIEW elsewhere.presence_session AS SELECT * FROM presence_session WHERE false",
        "CREATE TEMPORARY TABLE presence_event AS SELECT * FROM public.presence_event WHERE false",
        "CREATE FUNCTION elsewhere.presence_check(timestamptz, timestamptz, interval) RETURNS boolean RETURN false",
        "CREATE FUNCTION elsewhere.presence_lasts(timestamptz, timestamptz, boolean, timestamptz, timestamptz)"
        " RETURNS boolean RETURN false",
        "CREATE FUNCTION elsewhere.presence_during(timestamptz, timestamptz) RETURNS SETOF public.presence_session"
        " BEGIN ATOMIC SELECT * FROM public.presence_session WHERE false; END",
        "SET LOCAL search_path = elsewhere",
    )
    assert query(f"SELECT * FROM public.{call}") == expected != []


def test_a_time_may_come_from_another_function(reporter: None) -> None:
    """It must be in a subquery. Otherwise PostgreSQL calls it for every stay."""
    run("CREATE FUNCTION pg_temp.noon() RETURNS timestamptz LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now(); END'")
    assert query("SELECT session FROM presence_at((SELECT pg_temp.noon()))") == query(
        "SELECT session FROM presence_at(now())"
    )
