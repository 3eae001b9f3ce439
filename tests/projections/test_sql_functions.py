"""The SQL functions for people who report, beside definitions in Python that know nothing of SQL or of indexes."""

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
from tests.fold import assert_live_is_the_fold
from tests.past import RoomPruned, Stay, write

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
LONG_AGO = datetime(2001, 2, 3, 4, 5, 6, 7, tzinfo=UTC)
BORDERS = [timedelta(seconds=8**power) for power in range(1, 10)]
"""Where one magnitude of presence_events/stays.py ends and the next begins."""
LENGTHS = [timedelta(), INSTANT, *(border + n * INSTANT for border in BORDERS for n in (-1, 0, 1)), 2 * BORDERS[-1]]
FUNCTIONS = {
    "presence_at": "presence_at('2024-03-04 12:00+00')",
    "presence_during": "presence_during('-infinity', 'infinity')",
    "presence_occupancy": "presence_occupancy('lobby', '2024-03-04 12:00+00', '2024-03-04 13:00+00', '1 hour')",
}
each_function = pytest.mark.parametrize("call", FUNCTIONS.values(), ids=FUNCTIONS)
Rows = list[tuple[Any, ...]]


def ask(query: str, *arguments: Any) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        rows: Rows = cursor.fetchall()
        return rows


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def undone() -> Iterator[None]:
    """What is done inside leaves no trace."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def present(stays: list[Stay], moment: datetime) -> list[Stay]:
    return [stay for stay in stays if stay.joined <= moment and (stay.left is None or moment < stay.left)]


def edges(stays: list[Stay]) -> list[datetime]:
    """Just before, at, and just after every beginning and end."""
    ends = [end for stay in stays for end in (stay.joined, stay.left) if end is not None]
    return sorted({end + n * INSTANT for end in ends for n in (-1, 0, 1)})


# Who was there: presence_at, presence_during


def check_who_was_there(stays: list[Stay], moments: list[datetime], spans: list[tuple[datetime, datetime]]) -> None:
    for moment in moments:
        found = ask("SELECT channel_name FROM presence_at(%s) ORDER BY 1", moment)
        assert [name for (name,) in found] == sorted(stay.channel for stay in present(stays, moment)), moment
    for start, stop in spans:
        found = ask("SELECT channel_name FROM presence_during(%s, %s) ORDER BY 1", start, stop)
        expected = [s.channel for s in stays if s.joined < stop and (s.left is None or start < s.left)]
        assert [name for (name,) in found] == sorted(expected), (start, stop)


def test_stays_of_every_magnitude_are_found_from_their_first_instant_to_their_last() -> None:
    """Some begin at the same moment, some end then, and of some it is the middle."""
    moment = LONG_AGO + timedelta(days=3650)
    begins = [(length, moment - part * length / 2) for length in LENGTHS for part in (0, 1, 2)]
    stays = [Stay("lobby", f"c{n}", None, begin, begin + length) for n, (length, begin) in enumerate(begins)]
    write(*stays)
    moments = edges(stays)
    around = [moment + n * INSTANT for n in (-1, 0, 1)]
    spans = [*pairwise(moments), *((start, stop) for start in around for stop in around if start <= stop)]
    check_who_was_there(stays, moments, spans)


LENGTH = st.sampled_from(LENGTHS) | st.timedeltas(timedelta(), 2 * BORDERS[-1])


@st.composite
def stays_of_all_lengths(draw: st.DrawFn) -> list[Stay]:
    """Of a connection each. Some begin when others do or end, or an instant before or after."""
    ends = [LONG_AGO]
    stays = []
    for number in range(draw(st.integers(1, 9))):
        joined = draw(st.sampled_from(ends)) + draw(LENGTH | st.integers(-1, 1).map(lambda n: n * INSTANT))
        left = joined + draw(LENGTH) if draw(st.booleans()) else None
        stays.append(Stay(draw(st.sampled_from(["hall", "lobby"])), f"c{number}", None, joined, left))
        ends += [joined, left or joined]
    return stays


@given(stays_of_all_lengths(), st.randoms(use_true_random=False))
def test_who_was_there_is_what_the_definition_says(stays: list[Stay], random: Any) -> None:
    moments = edges(stays)
    pairs = [sorted(random.choices(moments, k=2)) for _ in range(10)]
    with undone():
        write(*stays)
        check_who_was_there(stays, moments, [(start, stop) for start, stop in pairs])


def test_minus_infinity_and_infinity_are_times() -> None:
    write(Stay("lobby", "gone", None, LONG_AGO, NOON), Stay("lobby", "here", None, NOON))
    assert len(ask("SELECT FROM presence_during('-infinity', 'infinity')")) == 2
    assert ask("SELECT channel_name FROM presence_during(%s, 'infinity')", NOON) == [("here",)]
    assert ask("SELECT FROM presence_at('-infinity')") == []


def test_a_stay_of_no_length_is_at_no_moment_but_in_the_time_around_it() -> None:
    write(Stay("lobby", "a", None, NOON, NOON))
    assert ask("SELECT FROM presence_at(%s)", NOON) == []
    assert len(ask("SELECT FROM presence_during(%s, %s)", NOON - INSTANT, NOON + INSTANT)) == 1


def test_a_minute_ahead_is_now() -> None:
    write(Stay("lobby", "a", None, NOON))
    assert len(ask("SELECT FROM presence_at(now() + interval '55 s')")) == 1
    assert len(ask("SELECT FROM presence_during(now() + interval '55 s', 'infinity')")) == 1
    assert ask("SELECT FROM presence_occupancy('lobby', now() + interval '55 s', 'infinity', '1 day')") == []


# How full it was: presence_occupancy


def occupancy(room: str, start: Any, stop: Any, step: Any) -> Rows:
    return ask("SELECT * FROM presence_occupancy(%s, %s, %s, %s)", room, start, stop, step)


def occupancy_by_definition(stays: list[Stay], start: datetime, stop: datetime, step: timedelta) -> Rows:
    """Each step is cut where anybody comes or goes, and each piece looked at."""
    rows = []
    while start < stop:
        end = min(start + step, stop)
        cuts = sorted({start, end, *(cut for cut in edges(stays) if start < cut < end)})
        there = [present(stays, cut) for cut in cuts[:-1]]
        lasts = [after - before for before, after in pairwise(cuts)]
        connections = measured([{stay.channel for stay in some} for some in there], lasts)
        users = measured([{stay.user for stay in some if stay.user is not None} for some in there], lasts)
        rows.append((start, *connections, *users))
        start = end
    return rows


def measured(there: list[set[Any]], lasts: list[timedelta]) -> tuple[Any, ...]:
    """How many different ones, at once at most, and on average."""
    total = sum((len(some) * time for some, time in zip(there, lasts, strict=True)), timedelta())
    average = total / sum(lasts, timedelta())
    return (len(set().union(*there)), max(map(len, there)), pytest.approx(average, rel=1e-12))


# Few of them, so that much happens at the same time, and as steps begin.
MOMENT = st.builds(
    lambda minutes, instants: NOON + minutes * MINUTE + instants * INSTANT,
    st.integers(0, 12),
    st.sampled_from([0, 0, 0, 0, -1, 1]),
)
STEP = st.sampled_from([MINUTE, 3 * MINUTE, 4 * MINUTE, timedelta(seconds=137, microseconds=1), timedelta(days=400)])


@st.composite
def visits(draw: st.DrawFn) -> list[tuple[str, str, int | None, datetime, datetime | None]]:
    """A connection is in a room once at a time. It may come back the instant it leaves, and as another user."""
    found = []
    for room in ("hall", "lobby"):
        for channel in "abcd":
            times = sorted(draw(st.lists(MOMENT, max_size=7)))
            for joined, left in zip(times[::2], [*times[1::2], None], strict=False):
                found.append((room, channel, draw(st.sampled_from([None, 0, 1])), joined, left))
    return found


@given(visits(), MOMENT, st.integers(0, 15), STEP)
def test_occupancy_is_what_the_definition_says(visits: Any, start: datetime, minutes: int, step: timedelta) -> None:
    with undone():
        users = get_user_model()._default_manager
        keys = [users.create(username=name).pk for name in ("ada", "grace")]
        stays = [Stay(room, ch, None if who is None else keys[who], *when) for room, ch, who, *when in visits]
        write(*stays)
        lobby = [stay for stay in stays if stay.room == "lobby"]
        stop = start + minutes * MINUTE
        assert occupancy("lobby", start, stop, step) == occupancy_by_definition(lobby, start, stop, step)
        assert_live_is_the_fold()


def test_a_user_with_several_tabs_is_one_user_while_any_of_them_is_there(user: Any) -> None:
    write(
        Stay("lobby", "outer", user, NOON, NOON + 40 * MINUTE),
        Stay("lobby", "inner", user, NOON + 10 * MINUTE, NOON + 20 * MINUTE),
        Stay("lobby", "next", user, NOON + 40 * MINUTE, NOON + 50 * MINUTE),
    )
    row = (NOON, 3, 2, 1.0, 1, 1, pytest.approx(50 / 60))
    assert occupancy("lobby", NOON, NOON + 60 * MINUTE, "1 hour") == [row]


def test_whoever_goes_as_a_step_begins_is_in_it_only_when_back() -> None:
    users = [get_user_model()._default_manager.create(username=name) for name in "abc"]
    write(
        *(Stay("lobby", user.username, user, NOON, NOON + 30 * MINUTE) for user in users),
        Stay("lobby", "a", users[0], NOON + 40 * MINUTE, NOON + 55 * MINUTE),
    )
    found = occupancy("lobby", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 3, 3, 3.0, 3, 3, 3.0), (NOON + 30 * MINUTE, 1, 1, 0.5, 1, 1, 0.5)]


def test_the_occupancy_of_a_room_outlives_it_and_goes_on_in_the_next_of_its_name(user: Any) -> None:
    write(
        Stay("lobby", "a", user, NOON, NOON + 15 * MINUTE),
        RoomPruned("lobby", NOON + 15 * MINUTE),
        Stay("lobby", "a", None, NOON + 30 * MINUTE, NOON + 45 * MINUTE),
        RoomPruned("lobby", NOON + 50 * MINUTE),
    )
    found = occupancy("lobby", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 1, 1, 0.5, 1, 1, 0.5), (NOON + 30 * MINUTE, 1, 1, 0.5, 0, 0, 0.0)]


def test_a_room_that_never_was_is_empty_all_the_time() -> None:
    found = occupancy("nowhere", NOON, NOON + 60 * MINUTE, "30 minutes")
    assert found == [(NOON, 0, 0, 0, 0, 0, 0), (NOON + 30 * MINUTE, 0, 0, 0, 0, 0, 0)]


def test_whoever_only_passed_is_not_counted() -> None:
    """A stay of no length is at no moment."""
    write(Stay("lobby", "a", None, NOON, NOON), Stay("lobby", "b", None, NOON + MINUTE, NOON + MINUTE))
    assert occupancy("lobby", NOON, NOON + 60 * MINUTE, "1 hour") == [(NOON, 0, 0, 0, 0, 0, 0)]


def test_occupancy_ends_with_now() -> None:
    ((now,),) = ask("SELECT now()")
    write(Stay("lobby", "a", None, now - 60 * MINUTE))
    first, last = occupancy("lobby", now - 90 * MINUTE, now + 90 * MINUTE, "1 hour")
    assert first == (now - 90 * MINUTE, 1, 1, 0.5, 0, 0, 0)
    assert last == (now - 30 * MINUTE, 1, 1, 1.0, 0, 0, 0)
    assert [row[1:] for row in occupancy("lobby", now - 30 * MINUTE, "infinity", "1000 years")] == [last[1:]]


def test_no_time_is_no_step() -> None:
    assert occupancy("lobby", NOON, NOON, "1 hour") == []


def local_buckets(zone: str, start: str, stop: str, step: str) -> list[tuple[str, float]]:
    """When the steps begin by the clocks of ``zone``, and how many connections were there on average."""
    with undone(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        cursor.execute(
            "SELECT to_char(bucket, 'MM-DD HH24:MI'), average_connections"
            " FROM presence_occupancy('lobby', %s::timestamptz, %s::timestamptz, %s) ORDER BY bucket",
            [start, stop, step],
        )
        rows: list[tuple[str, float]] = cursor.fetchall()
        return rows


def test_a_day_is_as_long_as_it_was_where_the_session_is() -> None:
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
    ids=["a midnight that was left out", "a day that was left out", "a month without such a day"],
)
def test_what_the_calendar_leaves_out_moves_no_later_step(
    zone: str, start: str, stop: str, step: str, begins: list[str]
) -> None:
    write(Stay("lobby", "a", None, LONG_AGO))
    assert local_buckets(zone, start, stop, step) == [(begin, 1.0) for begin in begins]


# What cannot be answered


MISSING = "presence is asked for at a time, and this one is NULL"


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
def test_what_cannot_be_answered_is_an_error_that_says_why(call: str, state: str, message: str) -> None:
    with pytest.raises(DatabaseError) as refused, transaction.atomic():
        ask(f"SELECT * FROM {call}")
    assert message in str(refused.value)
    assert refused.value.__cause__.sqlstate == state  # type: ignore[union-attr]


@pytest.mark.parametrize("call", ["presence_at(asked)", "presence_during(asked, 'infinity')"])
def test_a_question_about_the_future_is_an_error_though_nobody_was_ever_there(call: str) -> None:
    with pytest.raises(DatabaseError, match="in the future"), transaction.atomic():
        ask(f"SELECT * FROM (VALUES (now() + interval '1 day')) AS question (asked), {call} WHERE room = 'nowhere'")


# Who may ask, and where from


@pytest.fixture
def reporter() -> None:
    """A role with the GRANT file, in a database where nobody may run what they were not granted."""
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE), Stay("lobby", "b", None, NOON))
    run(
        "CREATE ROLE reporter",
        *(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC" for function in FUNCTIONS),
        "REVOKE ALL ON FUNCTION presence_check, presence_lasts FROM PUBLIC",
        sql.read("projections", "grants/reports").replace(':"role"', "reporter"),
    )


@each_function
def test_the_role_for_reports_may_call_the_function(call: str, reporter: None) -> None:
    expected = ask(f"SELECT count(*) FROM {call}")
    run("SET LOCAL ROLE reporter")
    assert ask(f"SELECT count(*) FROM {call}") == expected != [(0,)]


def test_the_role_for_reports_may_look_back(reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    call_command("replay_presence", "--until", "1", stdout=StringIO())


@pytest.mark.parametrize("table", ["presence_session", "presence_event", "presence_room", "presence"])
def test_the_role_for_reports_may_read(table: str, reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    assert ask(f"SELECT * FROM {table}") != []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO presence_event (kind, room, channel_name) VALUES ('leave', 'lobby', 'b')",
        "INSERT INTO presence_room VALUES ('x', now())",
        "UPDATE presence_event SET room = 'x'",
        "UPDATE presence SET last_seen = now()",
        "DELETE FROM presence_event",
        "DELETE FROM presence",
        "DELETE FROM presence_room",
        "TRUNCATE presence_event",
        "TRUNCATE presence, presence_room",
        "ALTER TABLE presence_event DISABLE TRIGGER ALL",
        "CREATE OR REPLACE VIEW presence_session AS SELECT 1",
        "DROP FUNCTION presence_at",
        "SELECT nextval('presence_event_id_seq')",
        "SELECT FROM presence FOR UPDATE",
    ],
)
def test_the_role_for_reports_may_do_nothing_else(statement: str, reporter: None) -> None:
    run("SET LOCAL ROLE reporter")
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), transaction.atomic():
        run(statement)


@pytest.mark.parametrize(
    "statement", ["INSERT INTO presence_session (room) VALUES ('x')", "DELETE FROM presence_session"]
)
def test_nobody_changes_a_stay_through_the_view(statement: str) -> None:
    with pytest.raises(DatabaseError, match=r"cannot (insert into|delete from) view"), transaction.atomic():
        run(statement)


@each_function
def test_a_role_that_may_read_the_view_alone_may_ask(call: str) -> None:
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE))
    run("CREATE ROLE reader", "GRANT SELECT ON presence_session TO reader", "SET LOCAL ROLE reader")
    assert ask(f"SELECT * FROM {call}") != []
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        ask("SELECT * FROM presence_event")


@each_function
def test_the_function_finds_its_parts_whatever_the_search_path_is(call: str) -> None:
    write(Stay("lobby", "a", None, NOON, NOON + MINUTE))
    expected = ask(f"SELECT * FROM {call}")
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
    assert ask(f"SELECT * FROM public.{call}") == expected != []


def test_a_time_may_come_from_a_function_of_ones_own(reporter: None) -> None:
    """In a subquery, as the cookbook says: PostgreSQL would otherwise call it for every stay."""
    run("CREATE FUNCTION pg_temp.noon() RETURNS timestamptz LANGUAGE plpgsql STABLE AS 'BEGIN RETURN now(); END'")
    assert ask("SELECT session FROM presence_at((SELECT pg_temp.noon()))") == ask(
        "SELECT session FROM presence_at(now())"
    )
