"""The log is append-only for every role and every kind of statement."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, connection, transaction
from django.db.models import Count

from presence_events.exceptions import LogIsAppendOnly
from presence_events.models import Erasure, ErasureInProgress, PresenceEvent, SealTimestamp
from presence_events.recorder import Draft, record

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = [
    "UPDATE presence_event SET room = 'other'",
    "UPDATE presence_event SET room = 'other' WHERE false",
    "DELETE FROM presence_event",
    "DELETE FROM presence_event WHERE false",
    "WITH gone AS (DELETE FROM presence_event RETURNING *) SELECT * FROM gone",
    "MERGE INTO presence_event USING (VALUES (1)) AS v (x) ON true WHEN MATCHED THEN DELETE",
]


@pytest.fixture(autouse=True)
def event() -> PresenceEvent:
    return record([Draft("join", "room", "channel")])[0]


@pytest.mark.parametrize("statement", CHANGES)
def test_no_statement_changes_or_deletes(statement: str, log: Callable[[], list[str]]) -> None:
    refused = pytest.raises(IntegrityError, match="is refused: the presence log is append-only")
    with refused as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    assert "HINT:  To end a stay, record a leave or a prune" in str(caught.value)
    assert log() == ["join channel room"]


def test_the_ignore_setting_of_pgtrigger_has_no_effect() -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pgtrigger.ignore', array_agg(tgname)::text, true) FROM pg_trigger")
        cursor.execute("DELETE FROM presence_event")


def test_functions_of_the_caller_do_not_replace_those_of_the_guard() -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA evil")
        cursor.execute("CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text RETURN 'x'")
        cursor.execute("CREATE FUNCTION evil.current_database() RETURNS text RETURN 'x'")
        cursor.execute("SET LOCAL search_path = evil, pg_catalog, public")
        cursor.execute("SET LOCAL presence_events.test_database = 'other'")
        cursor.execute("TRUNCATE presence_event")


METHODS = r"call Room\.objects\.add\(.*\), Room\.objects\.remove\(.*\) or Presence\.objects\.touch\("


def test_the_orm_names_the_methods_that_record(event: PresenceEvent) -> None:
    refused: list[Callable[[], Any]] = [
        event.save,
        event.delete,
        lambda: PresenceEvent.objects.create(kind="join", room="room", channel_name="other"),
        lambda: PresenceEvent.objects.bulk_create([PresenceEvent(kind="join")]),
    ]
    for refuse in refused:
        with pytest.raises(LogIsAppendOnly, match=METHODS):
            refuse()
    with pytest.raises(IntegrityError):
        PresenceEvent.objects.update(room="other")
    with pytest.raises(IntegrityError):
        PresenceEvent.objects.all().delete()


def test_plain_sql_may_append_and_the_database_completes_the_event() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (id, kind, room, channel_name, session, since, at, tx, last_seen) "
            "VALUES (-5, 'join', 'room', 'other', NULL, 'epoch', 'epoch', '1', 'epoch') RETURNING id"
        )
        (position,) = cursor.fetchone()
    event = PresenceEvent.objects.get(channel_name="other")
    assert event.id == position > 0
    assert event.since == event.at
    assert event.at.year >= 2026
    assert event.last_seen is None
    assert event.tx > 1


@pytest.mark.parametrize(
    ("kind", "channel"), [("jump", "'c'"), ("", "'c'"), ("join", "NULL"), ("touch", "NULL"), ("leave", "NULL")]
)
def test_an_invalid_event_in_plain_sql_is_an_error(kind: str, channel: str) -> None:
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO presence_event (kind, room, channel_name) VALUES ('{kind}', 'room', {channel})")


@pytest.mark.parametrize(
    "values",
    [
        "('touch', 'room', 'channel', repeat('x', 1025), true)",
        "('touch', 'room', 'channel', '', true)",
        "('join', 'room', 'new', '', true)",
        "('touch', '', NULL, '', NULL)",
        "('prune', '', NULL, repeat('x', 1025), NULL)",
        "('touch', '', NULL, NULL, NULL)",
        "('leave', '', NULL, 'process', NULL)",
        "('join', '', NULL, 'process', NULL)",
    ],
)
def test_an_event_with_an_invalid_process_is_an_error(values: str) -> None:
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO presence_event (kind, room, channel_name, process, is_leased) VALUES {values}")


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_join_with_a_capacity_below_one_is_an_error(capacity: int) -> None:
    with pytest.raises(IntegrityError, match="capacity has to be at least 1"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, capacity) VALUES ('join', 'room', 'new', %s)",
            [capacity],
        )


@pytest.mark.parametrize(
    ("kind", "room", "channel", "process"),
    [
        ("touch", "room", "channel", None),
        ("leave", "room", "channel", None),
        ("prune", "room", "channel", None),
        ("touch", "", None, "process"),
        ("join", "room", "anonymous", None),
    ],
)
@pytest.mark.parametrize("is_exclusive", [True, False])
def test_limits_are_recorded_of_joins_only(
    kind: str, room: str, channel: str | None, process: str | None, is_exclusive: bool
) -> None:
    """Except that a leave may be for an exclusive join. An anonymous connection is never exclusive."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process, capacity, is_exclusive) "
            "VALUES (%s, %s, %s, %s, 0, %s) RETURNING capacity, is_exclusive"
            if kind != "join"
            else "INSERT INTO presence_event (kind, room, channel_name, process, capacity, is_exclusive) "
            "VALUES (%s, %s, %s, %s, 2, %s) RETURNING nullif(capacity, 2), is_exclusive",
            [kind, room, channel, process, is_exclusive],
        )
        assert cursor.fetchone() == (None, True if kind == "leave" and is_exclusive else None)


def test_without_the_fold_nothing_can_be_appended(log: Callable[[], list[str]]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER ALL")
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, session, since, at, tx) "
            "VALUES ('join', 'room', 'unfolded', 7, now(), now(), pg_current_xact_id())"
        )
    assert log() == ["join channel room"]


def test_truncate_is_refused_on_connections_that_are_not_marked() -> None:
    parameters = connection.get_connection_params()
    with psycopg.connect(**{key: parameters[key] for key in ("dbname", "user", "host")}) as other:
        for table in ("presence_event", "presence_open_stay", "presence_process", "presence_room CASCADE"):
            with pytest.raises(psycopg.IntegrityError, match="TRUNCATE on presence"):
                other.execute(f"TRUNCATE {table}")
            other.rollback()
    assert PresenceEvent.objects.exists()


def test_the_flush_command_truncates_a_test_database() -> None:
    call_command("flush", interactive=False, verbosity=0)
    assert not PresenceEvent.objects.exists()


def test_the_flush_command_is_refused_in_other_databases() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET presence_events.test_database = 'another_database'")
    try:
        with pytest.raises((CommandError, IntegrityError)):
            call_command("flush", interactive=False, verbosity=0)
        assert PresenceEvent.objects.exists()
    finally:
        connection.close()


def test_the_text_of_an_event_has_its_kind_connection_and_room(event: PresenceEvent) -> None:
    assert str(event) == "join channel room"
    assert str(PresenceEvent(kind="prune", room="lobby")) == "prune room lobby"


@pytest.mark.django_db
def test_events_can_be_grouped_by_their_position() -> None:
    """PostgreSQL knows no primary key of the partitioned table, so all columns are in GROUP BY."""
    record([Draft("join", "room", "one"), Draft("join", "room", "two")])
    assert {event.number for event in PresenceEvent.objects.annotate(number=Count("session"))} == {1}


def test_erasures_and_time_stamps_name_what_they_are_about() -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)
    assert str(Erasure(segment="presence_event_stays_first")) == "presence_event_stays_first"
    assert str(ErasureInProgress(person="7", pseudonym="-2", begun_at=began)) == "2026-03-01 00:00:00+00:00"
    assert str(SealTimestamp(number=3)) == "3"
