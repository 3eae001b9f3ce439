"""The fold under REPEATABLE READ and SERIALIZABLE, where a transaction keeps its first snapshot.

Connection ``old`` takes its snapshot first, and then another transaction commits. ``old`` may not decide on what it no
longer sees correctly: it fails with a serialization failure, or what it does is right at its position in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection
from psycopg import IsolationLevel

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold
from tests.references import execute

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]


@pytest.fixture(params=[IsolationLevel.REPEATABLE_READ, IsolationLevel.SERIALIZABLE], ids=lambda level: level.name)
def level(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def old(new_connection: NewConnection, level: IsolationLevel) -> DatabaseConnection:
    return new_connection(isolation=level)


@pytest.fixture(autouse=True)
def _live_is_the_fold(old: DatabaseConnection) -> Iterator[None]:
    yield
    old.rollback()
    assert_live_is_the_fold()


def take_snapshot(old: DatabaseConnection) -> None:
    old.run("SELECT count(*) FROM presence")


def make_empty_room() -> None:
    Room.objects.add("room", "first")
    Room.objects.remove("room", "first")


def test_the_prune_of_a_room_does_not_miss_a_join_that_its_snapshot_does_not_see(old: DatabaseConnection) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("prune", channel=None)
    old.rollback()
    assert Presence.objects.get().channel_name == "channel"


def test_the_prune_of_a_room_does_not_miss_a_join_that_it_waits_for(
    old: DatabaseConnection, new_connection: NewConnection
) -> None:
    make_empty_room()
    take_snapshot(old)
    joining = new_connection()
    joining.append("join")
    future = old.start("prune", channel=None)
    joining.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        future.result()


def test_a_room_is_not_pruned_and_made_again_around_a_stay(old: DatabaseConnection) -> None:
    """The foreign key alone accepts this: at the commit the room exists again, but the log would contradict itself."""
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("prune", channel=None)
        old.append("join", channel="another")
        old.commit()


def test_the_prune_of_a_room_fails_alike_if_constraints_are_immediate(old: DatabaseConnection) -> None:
    make_empty_room()
    take_snapshot(old)
    old.run("SET CONSTRAINTS ALL IMMEDIATE")
    Room.objects.add("room", "channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("prune", channel=None)


def test_the_prune_of_a_room_works_if_no_one_has_joined(old: DatabaseConnection) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("another", "channel")
    assert len(old.append("prune", channel=None)) == 1
    assert len(old.append("join", channel="later")) == 1
    old.commit()
    assert Room.objects.get(pk="room").presence_set.count() == 1


def test_the_prune_of_a_room_works_after_a_stay_that_its_snapshot_does_not_see(
    old: DatabaseConnection,
) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    Room.objects.remove("room", "channel")
    assert len(old.append("prune", channel=None)) == 1
    old.commit()
    assert not Room.objects.exists()


def test_a_room_that_the_transaction_has_emptied_itself_is_pruned(old: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    assert len(old.append("leave")) == 1
    assert len(old.append("prune", channel=None)) == 1
    old.commit()
    assert not Room.objects.exists()


def test_a_room_that_was_pruned_and_made_again_is_not_pruned(old: DatabaseConnection) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.prune_rooms()
    Room.objects.add("room", "channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("prune", channel=None)


@pytest.mark.parametrize("channel", ["channel", "another"])
@pytest.mark.parametrize("has_room", [False, True])
def test_a_join_meets_a_join_that_its_snapshot_does_not_see(
    old: DatabaseConnection, channel: str, has_room: bool
) -> None:
    """It needs the room that the other one has made, or conflicts with the same connection."""
    if has_room:
        make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    if has_room and channel == "another":
        assert len(old.append("join", channel=channel)) == 1
        old.commit()
        assert Presence.objects.count() == 2
    else:
        with pytest.raises(psycopg.errors.SerializationFailure):
            old.append("join", channel=channel)


def test_a_join_does_not_enter_a_room_that_was_pruned(old: DatabaseConnection) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.prune_rooms()
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("join")


@pytest.mark.parametrize("change", ["touch", "leave"])
@pytest.mark.parametrize("kind", ["join", "touch", "leave", "prune"])
def test_what_meets_a_changed_presence_fails(old: DatabaseConnection, change: str, kind: str) -> None:
    Room.objects.add("room", "channel")
    take_snapshot(old)
    if change == "touch":
        Presence.objects.touch("channel", {"a": 1})
    else:
        Presence.objects.leave_all("channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append(kind)


@pytest.mark.parametrize("kind", ["touch", "leave", "prune"])
def test_what_names_a_connection_that_its_snapshot_does_not_see_records_nothing(
    old: DatabaseConnection, kind: str
) -> None:
    """It is right for the order in which this transaction comes first, and leaves the other's stay as it is."""
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    assert old.append(kind) == []
    old.commit()
    assert Presence.objects.get().channel_name == "channel"


def test_the_selection_that_prunes_silent_connections_does_not_prune_one_that_was_touched(
    old: DatabaseConnection, level: IsolationLevel
) -> None:
    Room.objects.add("room", "channel")
    take_snapshot(old)
    Presence.objects.touch("channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.run(
            "INSERT INTO presence_event (kind, room, channel_name, session) "
            "SELECT 'prune', room, channel_name, id FROM presence_open_stay WHERE touched_at < clock_timestamp() "
            "FOR UPDATE SKIP LOCKED"
        )


@pytest.mark.parametrize("is_rolled_back", [False, True])
def test_two_transactions_with_old_snapshots_prune_and_join(
    old: DatabaseConnection, new_connection: NewConnection, level: IsolationLevel, is_rolled_back: bool
) -> None:
    make_empty_room()
    joining = new_connection(isolation=level)
    take_snapshot(old)
    take_snapshot(joining)
    assert len(old.append("prune", channel=None)) == 1
    future = joining.start("join")
    if is_rolled_back:
        old.rollback()
        assert len(future.result()) == 1
        joining.commit()
    else:
        old.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            future.result()
    joining.rollback()
    assert PresenceEvent.objects.count() == 3
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM presence_room")
        assert cursor.fetchone() == (int(is_rolled_back),)


@pytest.fixture
def site_table() -> Iterator[None]:
    """A table of the site refers to the room. Its owner has a schema that the owner of presence may not use."""
    make_empty_room()
    execute(
        "CREATE ROLE other_owner",
        "CREATE SCHEMA private AUTHORIZATION other_owner",
        "GRANT REFERENCES, SELECT ON presence_room TO other_owner",
        "SET ROLE other_owner",
        "CREATE TABLE private.reference (room text REFERENCES presence_room DEFERRABLE INITIALLY DEFERRED)",
        "RESET ROLE",
    )
    yield
    execute("DROP OWNED BY other_owner CASCADE", "DROP ROLE other_owner")


@pytest.mark.usefixtures("site_table")
@pytest.mark.parametrize("mode", ["DEFERRED", "IMMEDIATE"])
def test_a_row_of_a_site_that_refers_to_the_room_is_a_foreign_key_violation(old: DatabaseConnection, mode: str) -> None:
    """A repetition of the transaction would fail again, so it is no serialization failure."""
    execute("INSERT INTO private.reference VALUES ('room')")
    old.run(f"SET CONSTRAINTS ALL {mode}")
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        old.append("prune", channel=None)
        assert mode == "DEFERRED"
        old.commit()


@pytest.mark.usefixtures("site_table")
def test_the_prune_of_a_room_leaves_the_foreign_keys_of_a_site_as_they_are(old: DatabaseConnection) -> None:
    old.run("INSERT INTO private.reference VALUES ('unknown')")
    assert len(old.append("prune", channel=None)) == 1
    old.run("DELETE FROM private.reference")
    old.run("SET CONSTRAINTS ALL IMMEDIATE")
    Room.objects.add("another", "channel")
    Presence.objects.leave_all("channel")
    old.commit()
    old.run("SET CONSTRAINTS ALL IMMEDIATE")
    assert len(old.append("prune", room="another", channel=None)) == 1
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        old.run("INSERT INTO private.reference VALUES ('unknown')")


@pytest.fixture(params=["NOT DEFERRABLE", "DEFERRABLE INITIALLY IMMEDIATE"])
def own_constraint(request: pytest.FixtureRequest) -> Iterator[None]:
    """The foreign key of the presences to the rooms is of another kind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE conrelid = 'presence_open_stay'::regclass "
            "AND confrelid = 'presence_room'::regclass"
        )
        ((name,),) = cursor.fetchall()
    alter = f"ALTER TABLE presence_open_stay ALTER CONSTRAINT {name}"
    execute(f"{alter} {request.param}")
    yield
    execute(f"{alter} DEFERRABLE INITIALLY DEFERRED")


@pytest.mark.usefixtures("own_constraint")
def test_the_prune_of_a_room_works_alike_if_the_foreign_key_of_presences_is_not_deferred(
    old: DatabaseConnection,
) -> None:
    make_empty_room()
    take_snapshot(old)
    Room.objects.add("room", "channel")
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.append("prune", channel=None)
    old.rollback()
    Presence.objects.leave_all("channel")
    assert len(old.append("prune", channel=None)) == 1
    old.commit()
