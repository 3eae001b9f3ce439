"""Migrations can be reversed and applied again in a database that has history."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import ProgrammingError, connection
from django.utils import timezone

from projections.models import Presence, PresenceSession, Room
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _migrate_afterwards() -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


def objects() -> tuple[set[str], set[str]]:
    """Returns the names of the relations and of the functions of the library."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'presence%'")
        relations = {name for (name,) in cursor.fetchall()}
        cursor.execute("SELECT proname FROM pg_proc WHERE proname LIKE 'presence%'")
        return relations, {name for (name,) in cursor.fetchall()}


def problems() -> list[Any]:
    return run_checks(databases=["default"])


def test_the_sessions_can_be_removed_and_restored() -> None:
    Room.objects.add("room", "gone")
    Room.objects.remove("room", "gone")
    Room.objects.add("room", "here")
    before, moment = objects(), timezone.now()

    call_command("migrate", "projections", "0002", verbosity=0)
    relations, functions = objects()
    assert "presence_session" not in relations
    assert functions == {"presence_is_referenced"}
    with pytest.raises(ProgrammingError, match="presence_session"):
        PresenceSession.objects.count()
    append("join", "new")

    call_command("migrate", verbosity=0)
    assert_live_is_the_fold()
    assert objects() == before
    assert not problems()
    assert [stay.channel_name for stay in PresenceSession.objects.all()] == ["gone", "here", "new"]
    assert [stay.channel_name for stay in PresenceSession.objects.at(moment)] == ["here"]


def test_the_indexes_of_stays_can_be_removed_and_restored() -> None:
    Room.objects.add("room", "gone")
    before, _ = objects()

    call_command("migrate", "presence_events", "0001", verbosity=0)
    relations, _ = objects()
    assert before - relations >= {"presence_event_stay", "presence_event_room_stay", "presence_event_user_stay"}
    append("leave", "gone")

    call_command("migrate", verbosity=0)
    assert_live_is_the_fold()
    assert objects()[0] == before
    assert not problems()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchone() == (0,)
    assert PresenceSession.objects.in_room("room").get().ended_by == "leave"


def test_migrating_again_completes_interrupted_indexes() -> None:
    """One index was complete, one was interrupted, one was not started."""
    indexes = ["presence_event_room_stay", "presence_event_user_stay", "presence_event_stay"]
    call_command("migrate", "projections", "0002", verbosity=0)
    call_command("migrate", "presence_events", "0002", verbosity=0)
    call_command("migrate", "presence_events", "0001", verbosity=0, fake=True)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {indexes[2]}")
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", [indexes[1]])
        complete, interrupted = oids(indexes[:2])

    call_command("migrate", verbosity=0)
    assert oids(indexes)[0] == complete
    assert oids(indexes)[1] != interrupted
    assert len(oids(indexes)) == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid")
        assert cursor.fetchone() == (0,)


def test_the_processes_can_be_removed_and_restored() -> None:
    """Claims from before are removed, from the log and the tables alike."""
    record_for("one", "early")
    before, (file, table) = objects(), files()

    call_command("migrate", "presence_events", "0004", verbosity=0)
    assert "presence_process" not in objects()[0]
    append("touch", "early")
    append("join", "between")
    append("leave", "early")

    call_command("migrate", verbosity=0)
    assert_live_is_the_fold()
    assert objects() == before
    assert not problems()
    record_for("two", "late")
    assert [(stay.channel_name, stay.process) for stay in Presence.objects.order_by("id")] == [
        ("between", None),
        ("late", "two"),
    ]
    assert_live_is_the_fold()
    # Neither the log nor the table was rewritten.
    assert files() == (file, table)


def test_an_older_release_records_while_the_processes_are_added() -> None:
    """The log has the column before the fold uses it."""
    call_command("migrate", "projections", "0005", verbosity=0)
    append("join", "between")
    call_command("migrate", verbosity=0)
    assert_live_is_the_fold()


def append(kind: str, channel: str) -> None:
    """Appends an event as the first release does, which has no newer columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, 'room', %s)",
            [kind, channel],
        )


def record_for(process: str, channel: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'room', %s, %s)",
            [channel, process],
        )


def files() -> tuple[Any, ...]:
    """Returns the files of the log and of the table of presences. A rewrite would change them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filenode('presence_event'), pg_relation_filenode('presence')")
        found: tuple[Any, ...] = cursor.fetchone()
        return found


def oids(indexes: list[str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(%s::text[])::regclass::oid", [indexes])
        return [oid for (oid,) in cursor.fetchall()]
