"""The indexes of closed stays: no query for any time reads the whole log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models import Q

from presence_events.models import PresenceEvent
from projections.models import Presence, PresenceSession
from tests.plans import of_log

CLOSED = 20_000
OPEN = 1_000
USERS = 200
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

LOG = """
WITH stay AS (
    SELECT
        n AS session,
        CASE WHEN random() < 1 / 3.0 THEN 'room-0' ELSE 'room-' || 1 + n %% 100 END AS room,
        'channel!' || n AS channel_name,
        CASE WHEN n %% 10 > 0 THEN (%(users)s)[1 + (n / 10) %% cardinality(%(users)s)] END AS user_id,
        %(first)s::timestamptz + n * interval '1 min' AS since,
        -ln(1 - random()) * CASE WHEN n %% 50 = 0 THEN 40 ELSE 1 END * interval '30 min' AS lasts,
        n > %(closed)s AS is_open
    FROM generate_series(1, %(closed)s + %(open)s) AS n
), event AS (
    SELECT 'join' AS kind, stay.*, NULL::timestamptz AS last_seen, since AS at FROM stay
    UNION ALL
    SELECT 'touch', stay.*, NULL, since + t * lasts / 5 FROM stay, generate_series(1, 4) AS t
    UNION ALL
    SELECT CASE WHEN session %% 7 = 0 THEN 'prune' ELSE 'leave' END, stay.*, since + lasts * 0.8, since + lasts
    FROM stay
    WHERE NOT is_open
), presences AS (
    INSERT INTO presence_open_stay (id, room, channel_name, user_id, joined_at, touched_at, is_leased)
    SELECT session, room, channel_name, user_id, since, since + lasts * 0.8, false FROM stay WHERE is_open
)
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, last_seen, at, tx)
SELECT row_number() OVER (ORDER BY at), kind, room, channel_name, user_id, session, since, last_seen, at, '1000'
FROM event
ORDER BY at
"""
ROOMS = "INSERT INTO presence_room (channel_name, created_at) SELECT 'room-' || generate_series(0, 100), now()"
TABLES = ("presence_event", "presence_room", "presence_open_stay")


def key(number: int) -> Any:
    """Returns the key of a user. The user need not exist."""
    return UUID(int=number) if get_user_model()._meta.pk.get_internal_type() == "UUIDField" else number


@pytest.fixture(scope="module", autouse=True)
def long_log(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fills the log. A stay begins every minute and lasts half an hour on average.

    Some last much longer. A third of them is in one room.

    Nothing is committed. Otherwise the statistics, which survive a TRUNCATE, would change the plans of other tests.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        with transaction.atomic():
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(ROOMS)
            cursor.execute("SELECT setseed(0.42)")
            users = [key(number) for number in range(1, USERS + 1)]
            cursor.execute(LOG, {"users": users, "first": FIRST, "closed": CLOSED, "open": OPEN})
            # With this target ANALYZE reads every row instead of a random sample, so every run has the same plans.
            cursor.execute("SET LOCAL default_statistics_target = 1000")
            for table in TABLES:
                cursor.execute(f"ANALYZE {table}")
            yield
            transaction.set_rollback(True)
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}")


pytestmark = pytest.mark.django_db


class Plan:
    """The plan of a query, with what its execution read."""

    def __init__(self, explained: Any) -> None:
        ((plan,),) = explained
        self.nodes = list(_nodes(plan["Plan"]))
        log = [node for node in self.nodes if node.get("Relation Name") == "presence_event"]
        self.found = sum(node["Actual Rows"] * node["Actual Loops"] for node in log)
        """Rows of the log that the query found."""
        self.blocks = sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in log)
        """Pages of the log and of its indexes that were read."""
        self.read = self.found + sum(node.get("Rows Removed by Filter", 0) * node["Actual Loops"] for node in log)

    @property
    def scanned(self) -> set[str]:
        """The tables that were read completely."""
        return {node["Relation Name"] for node in self.nodes if node["Node Type"] == "Seq Scan"}

    @property
    def tables(self) -> set[str]:
        return {node["Relation Name"] for node in self.nodes if "Relation Name" in node}

    @property
    def log_indexes(self) -> set[str]:
        return {node["Index Name"] for node in self.nodes if node.get("Index Name", "").startswith("presence_event")}


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def plan_of(query: Any) -> Plan:
    """Returns the plan of a queryset, or of a statement and its parameters."""
    statement, *params = query if isinstance(query, tuple) else _statement(query)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT json, ANALYZE, BUFFERS) {statement}", params)
        return Plan(json.loads(of_log(json.dumps(cursor.fetchone()))))


def _statement(queryset: Any) -> tuple[Any, ...]:
    statement, params = queryset.query.sql_with_params()
    return statement, *params


ALL = "presence_event_stay"
OF_ROOM = "presence_event_room_stay"
OF_USER = "presence_event_user_stay"

stays = PresenceSession.objects

MakeQuery = Callable[[datetime], Any]

QUERIES: dict[str, tuple[set[str], MakeQuery]] = {
    "at": ({ALL}, stays.at),
    "during": ({ALL}, lambda when: stays.during(when, when + DAY / 24)),
    "at, room": ({OF_ROOM}, lambda when: stays.in_room("room-7").at(when)),
    "at, large room": ({OF_ROOM}, lambda when: stays.at(when).in_room("room-0")),
    "at, user": ({OF_USER}, lambda when: stays.of_user(key(7)).at(when)),
    "at, room, user": ({OF_ROOM, OF_USER}, lambda when: stays.in_room("room-0").at(when).of_user(key(7))),
    "during, room": ({OF_ROOM}, lambda when: stays.in_room("room-7").during(when, when + DAY)),
    "during, large room": ({OF_ROOM}, lambda when: stays.during(when, when + DAY).in_room("room-0")),
    "during, user": ({OF_USER}, lambda when: stays.of_user(key(7)).during(when, when + DAY)),
    "during, room, user": (
        {OF_ROOM, OF_USER},
        lambda when: stays.of_user(key(7)).in_room("room-0").during(when, when + DAY),
    ),
    "during, at": ({ALL}, lambda when: stays.during(when, when + DAY).at(when)),
    "at, two rooms": ({OF_ROOM}, lambda when: stays.at(when).filter(room__in=["room-7", "room-8"])),
    "at, counted": ({ALL}, lambda when: stays.at(when).values("ended_by")),
    "at, first": ({OF_ROOM}, lambda when: stays.at(when).in_room("room-7").order_by("-joined_at")[:1]),
    "presence_at": ({ALL}, lambda when: ("SELECT * FROM presence_at(%s)", when)),
    "presence_at, room": ({OF_ROOM}, lambda when: ("SELECT * FROM presence_at(%s) WHERE room = 'room-7'", when)),
    "presence_at, user": ({OF_USER}, lambda when: ("SELECT * FROM presence_at(%s) WHERE user_id = %s", when, key(7))),
    "presence_at, room, user": (
        {OF_ROOM, OF_USER},
        lambda when: ("SELECT * FROM presence_at(%s) WHERE room = 'room-0' AND user_id = %s", when, key(7)),
    ),
    "presence_during": ({ALL}, lambda when: ("SELECT * FROM presence_during(%s, %s)", when, when + DAY / 24)),
    "presence_during, room": (
        {OF_ROOM},
        lambda when: ("SELECT * FROM presence_during(%s, %s) WHERE room = 'room-7'", when, when + DAY),
    ),
    "presence_attendance": (
        {OF_ROOM},
        lambda when: ("SELECT * FROM presence_attendance('room-7', %s, %s)", when, when + DAY),
    ),
    "presence_attendance, large room": (
        {OF_ROOM},
        lambda when: ("SELECT * FROM presence_attendance('room-0', %s, %s)", when, when + DAY),
    ),
    "presence_during, user": (
        {OF_USER},
        lambda when: ("SELECT * FROM presence_during(%s, %s) WHERE user_id = %s", when, when + DAY, key(7)),
    ),
}


@pytest.mark.parametrize("part", [0.02, 0.5, 0.98], ids=["early", "in the middle", "late"])
@pytest.mark.parametrize(("expected", "make"), QUERIES.values(), ids=QUERIES)
def test_for_any_time_few_more_stays_are_read_than_found(expected: set[str], make: MakeQuery, part: float) -> None:
    plan = plan_of(make(FIRST + part * CLOSED * MINUTE))
    assert "presence_event" in plan.tables
    assert "presence_event" not in plan.scanned
    # If a magnitude has few rows, or one room a third of all, the other index is just as good.
    assert plan.log_indexes & (expected | {ALL})
    assert plan.read <= 8 * plan.found + 60
    assert plan.blocks <= 2 * plan.found + 60


@pytest.mark.parametrize(
    ("expected", "make"),
    [
        ({OF_ROOM}, lambda: stays.in_room("room-7")),
        ({OF_ROOM}, lambda: stays.in_room("room-0")),
        ({OF_USER}, lambda: stays.of_user(key(7))),
        ({OF_ROOM, OF_USER}, lambda: stays.of_user(key(7)).in_room("room-0")),
    ],
    ids=["room", "large room", "user", "user, room"],
)
def test_for_all_time_only_the_stays_of_the_room_or_user_are_read(expected: set[str], make: Callable[[], Any]) -> None:
    plan = plan_of(make())
    assert "presence_event" not in plan.scanned
    assert plan.log_indexes
    assert plan.log_indexes <= expected
    assert plan.read <= 8 * plan.found


@pytest.mark.parametrize("narrow", [lambda: Q(room="room-7"), lambda: Q(user_id=key(7))], ids=["room", "user"])
def test_of_open_stays_few_more_are_read_than_found(narrow: Callable[[], Q]) -> None:
    found = stays.at(FIRST + (CLOSED + OPEN) * MINUTE).filter(narrow())
    assert Presence.objects.filter(narrow()).count() == found.filter(is_open=True).count() > 0
    assert plan_of(found).scanned == set()


def test_a_query_for_one_side_reads_only_that_side() -> None:
    when = FIRST + CLOSED // 2 * MINUTE
    assert plan_of(stays.filter(is_open=True)).tables == {"presence_open_stay", "presence_process"}
    assert plan_of(stays.at(when).filter(is_open=True)).tables == {"presence_open_stay", "presence_process"}
    assert plan_of(stays.at(when).filter(is_open=False)).tables == {"presence_event"}


@pytest.mark.parametrize(
    ("condition", "index"), [("", ALL), ("WHERE room = 'room-7'", OF_ROOM), ("WHERE user_id = $2", OF_USER)]
)
def test_a_generic_plan_reads_no_more(condition: str, index: str) -> None:
    """PL/pgSQL and prepared statements end up with a plan that does not depend on times and names."""
    user_id_type = PresenceEvent._meta.get_field("user").db_type(connection)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        cursor.execute(f"PREPARE kept (timestamptz, {user_id_type}) AS SELECT * FROM presence_at($1) {condition}")
        try:
            for part in (0.02, 0.5, 0.98):
                plan = plan_of(("EXECUTE kept (%s, %s)", FIRST + part * CLOSED * MINUTE, key(7)))
                assert "presence_event" not in plan.scanned
                assert index in plan.log_indexes
                assert plan.read <= 8 * plan.found + 60
        finally:
            cursor.execute("DEALLOCATE kept")


def test_the_indexes_find_the_same_stays_as_a_scan() -> None:
    for part in (0.02, 0.5, 0.98, 1.0):
        when = FIRST + part * CLOSED * MINUTE
        closed = PresenceEvent.objects.filter(kind__in=["leave", "prune"], since__lte=when, at__gt=when)
        expected = set(closed.values_list("session", flat=True)) | set(
            Presence.objects.filter(joined_at__lte=when).values_list("id", flat=True)
        )
        assert set(stays.at(when).values_list("session", flat=True)) == expected


def test_joins_and_touches_are_in_none_of_the_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, reltuples::int FROM pg_class WHERE relname LIKE 'presence_event_stays%_stay'")
        entries = {of_log(name): entries for name, entries in cursor.fetchall() if of_log(name) != name}
    assert PresenceEvent.objects.count() > 6 * CLOSED
    assert entries == {ALL: CLOSED, OF_ROOM: CLOSED, OF_USER: CLOSED - CLOSED // 10}
