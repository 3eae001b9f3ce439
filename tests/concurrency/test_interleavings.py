"""The interleavings that the concurrency rules of the fold are made for, one for each test.

Connection ``a`` acts first and commits late. Connection ``b`` meets the uncommitted changes of ``a``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Presence, Room
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]


@pytest.fixture
def a(new_connection: NewConnection) -> DatabaseConnection:
    return new_connection()


@pytest.fixture
def b(new_connection: NewConnection) -> DatabaseConnection:
    return new_connection()


@pytest.fixture(autouse=True)
def _live_is_the_fold() -> Iterator[None]:
    yield
    assert_live_is_the_fold()


def test_positions_are_drawn_under_the_lock(
    a: DatabaseConnection, b: DatabaseConnection, new_connection: NewConnection
) -> None:
    """Otherwise a leave with position 1 could wait while a join with position 3 commits, and then delete its presence.

    The live tables would have no presence, and a replay would have one.
    """
    Room.objects.add("room", "channel")
    a.append("touch")
    future = b.start("leave")
    c = new_connection()
    (join,) = c.append("join", channel="other")
    c.commit()
    a.commit()
    (leave,) = future.result()
    b.commit()
    assert leave > join


def test_a_leave_that_waits_while_one_stay_ends_and_another_begins_ends_neither(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    (join,) = a.append("join")
    future = b.start("leave")
    a.commit()
    assert future.result() == []
    b.commit()
    assert Presence.objects.get().pk == PresenceEvent.objects.get(pk=join).session


def test_a_leave_that_waits_for_a_touch_comes_after_it_in_the_log(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    (touch,) = a.append("touch")
    future = b.start("leave")
    a.commit()
    (leave,) = future.result()
    b.commit()
    assert leave > touch


def test_a_join_that_waits_for_a_leave_begins_after_it_in_position_and_in_time(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "channel")
    (leave,) = a.append("leave")
    future = b.start("join")
    a.run("SELECT pg_sleep(0.05)")
    a.commit()
    (join,) = future.result()
    b.commit()
    assert join > leave
    events = PresenceEvent.objects.in_bulk()
    assert events[join].since > events[leave].at


def test_a_join_that_waits_for_a_leave_that_is_rolled_back_records_nothing(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("join")
    a.rollback()
    assert future.result() == []


def test_one_of_two_concurrent_joins_is_recorded(a: DatabaseConnection, b: DatabaseConnection) -> None:
    a.append("join")
    future = b.start("join")
    a.commit()
    assert future.result() == []


def test_the_second_of_two_concurrent_joins_is_recorded_if_the_first_is_rolled_back(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    a.append("join")
    future = b.start("join")
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_one_of_two_concurrent_leaves_is_recorded(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    assert len(a.append("leave")) == 1
    future = b.start("leave")
    a.commit()
    assert future.result() == []


def test_the_second_of_two_concurrent_leaves_is_recorded_if_the_first_is_rolled_back(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("leave")
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_a_touch_that_waits_for_a_leave_records_nothing(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("touch")
    a.commit()
    assert future.result() == []


def test_a_touch_that_waits_for_a_touch_is_later_than_it(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    (first,) = a.append("touch")
    future = b.start("touch")
    a.commit()
    (second,) = future.result()
    b.commit()
    events = PresenceEvent.objects.in_bulk()
    assert events[second].at > events[first].at
    assert Presence.objects.get().last_seen == events[second].at


def test_a_touch_that_waited_for_a_row_lock_has_a_time_after_the_release(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "channel")
    a.run("SELECT FROM presence_open_stay FOR UPDATE")
    future = b.start("touch")
    (released,) = a.run("SELECT clock_timestamp() FROM pg_sleep(0.05)")
    a.rollback()
    (touch,) = future.result()
    b.commit()
    assert PresenceEvent.objects.get(pk=touch).at > released


def test_a_join_that_waited_for_a_join_that_was_rolled_back_begins_after_the_rollback(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "other")
    a.append("join")
    future = b.start("join")
    (released,) = a.run("SELECT clock_timestamp() FROM pg_sleep(0.05)")
    a.rollback()
    (join,) = future.result()
    b.commit()
    assert PresenceEvent.objects.get(pk=join).since > released


def test_a_join_waits_for_the_prune_of_its_room_and_creates_it_again(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    """Without the wait, the join would fail with a foreign-key error."""
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    assert len(a.append("prune", channel=None)) == 1
    future = b.start("join")
    a.commit()
    assert len(future.result()) == 1
    b.commit()
    (pruned,) = PresenceEvent.objects.filter(kind="prune")
    assert Room.objects.get().created_at > pruned.at


def test_the_prune_of_a_room_waits_for_a_join_and_keeps_the_room(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    a.append("join")
    future = b.start("prune", channel=None)
    a.commit()
    assert future.result() == []
    b.commit()
    assert Presence.objects.exists()


def test_the_prune_of_a_room_waits_for_a_join_that_is_rolled_back_and_prunes(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    a.append("join")
    future = b.start("prune", channel=None)
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_two_joins_of_a_room_that_does_not_exist_create_it_once(a: DatabaseConnection, b: DatabaseConnection) -> None:
    a.append("join", channel="1")
    future = b.start("join", channel="2")
    a.commit()
    assert len(future.result()) == 1
    b.commit()
    assert Room.objects.get().presence_set.count() == 2


def test_two_joins_of_a_room_that_exists_do_not_wait_for_each_other(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.add("room", "other")
    assert len(a.append("join", channel="1")) == 1
    assert len(b.append("join", channel="2")) == 1
    a.commit()
    b.commit()


def test_pruning_skips_a_connection_that_is_being_touched(a: DatabaseConnection) -> None:
    Room.objects.add("room", "busy")
    Room.objects.add("room", "idle")
    age_presences("busy", "idle", seconds=61)
    a.append("touch", channel="busy")
    assert Room.objects.prune_presences() == 1
    a.commit()
    assert Presence.objects.get().channel_name == "busy"


def test_a_touch_that_commits_before_the_prune_locks_the_presence_keeps_it(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    """The prune has found the presence stale, and the touch commits before the prune locks it.

    Under the lock the age is checked again.
    """
    Room.objects.add("room", "first")
    Room.objects.add("room", "second")
    age_presences("first", "second", seconds=61)
    # The prune has taken its snapshot and waits for the gate before its first row.
    gate = 4711
    a.run("SELECT pg_advisory_xact_lock(%s)", gate)
    prune = b.background(
        b.run,
        "INSERT INTO presence_event (kind, room, channel_name, session) "
        "SELECT 'prune', room, channel_name, id FROM presence_open_stay AS p, "
        "(SELECT pg_advisory_xact_lock(%s) OFFSET 0) AS gate "
        "WHERE touched_at < statement_timestamp() - interval '60 s' "
        "ORDER BY room, channel_name FOR UPDATE OF p SKIP LOCKED RETURNING channel_name",
        gate,
    )
    b.wait_until_blocked(prune)
    Presence.objects.touch("second")
    a.commit()
    assert prune.result() == ["first"]
    b.commit()
    assert Presence.objects.get().channel_name == "second"


def test_a_touch_that_waits_for_a_prune_records_nothing(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.add("room", "channel")
    a.append("prune")
    future = b.start("touch")
    a.commit()
    assert future.result() == []


def test_two_pruning_processes_share_the_work_and_prune_each_connection_once(a: DatabaseConnection) -> None:
    for number in range(10):
        Room.objects.add("room", f"{number}")
    a.run("SELECT FROM presence_open_stay WHERE channel_name < '5' FOR UPDATE")
    assert Room.objects.prune_presences(0) == 5
    a.rollback()
    assert Room.objects.prune_presences(0) == 5
    assert PresenceEvent.objects.filter(kind="prune").count() == 10


def test_pruning_rooms_skips_a_room_that_is_being_joined(a: DatabaseConnection) -> None:
    for room in ("busy", "idle"):
        Room.objects.add(room, "channel")
        Room.objects.remove(room, "channel")
    a.append("join", "busy")
    assert Room.objects.prune_rooms() == 1
    a.commit()
    assert Room.objects.get().channel_name == "busy"


def test_a_leave_that_names_a_session_ends_only_that_stay(a: DatabaseConnection, b: DatabaseConnection) -> None:
    """The connection joins again while an operator decides to end its previous stay. The new stay goes on."""
    Room.objects.add("room", "channel")
    seen = Presence.objects.get().pk
    a.append("leave")
    (join,) = a.append("join")
    future = b.background(b.append, "leave", "room", "channel", seen)
    b.wait_until_blocked(future)
    a.commit()
    assert future.result() == []
    b.commit()
    assert Presence.objects.get().pk == PresenceEvent.objects.get(pk=join).session


def test_a_rollback_leaves_a_gap_and_nothing_else(a: DatabaseConnection, b: DatabaseConnection) -> None:
    (first,) = a.append("join", channel="1")
    a.rollback()
    (second,) = b.append("join", channel="2")
    b.commit()
    assert second > first
    assert list(PresenceEvent.objects.values_list("id", flat=True)) == [second]


def test_batches_in_opposite_orders_do_not_deadlock(a: DatabaseConnection, b: DatabaseConnection) -> None:
    """Recording locks rows in the order of rooms and channels, whatever the order of the batch."""
    drafts = [Draft("join", "room", f"{number:04}") for number in range(500)]
    record(drafts)
    touches = [draft._replace(kind="touch") for draft in drafts]

    def touch_all(order: list[Draft]) -> int:
        try:
            return sum(len(record(order)) for _ in range(4))
        finally:
            connection.close()

    forwards = a.background(touch_all, touches)
    backwards = b.background(touch_all, touches[::-1])
    assert forwards.result() == backwards.result() == 2000


def test_batches_that_prune_a_room_and_join_it_do_not_deadlock(new_connection: NewConnection) -> None:
    def join_and_leave(channel: str) -> None:
        drafts = [Draft("join", "room", channel), Draft("leave", "room", channel), Draft("prune", "room", None)]
        try:
            for _ in range(100):
                record(drafts)
        finally:
            connection.close()

    Room.objects.add("room", "host")
    for future in [new_connection().background(join_and_leave, channel) for channel in "1234"]:
        future.result()


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_a_stricter_transaction_gets_a_serialization_failure_and_not_a_wrong_answer(
    level: psycopg.IsolationLevel, new_connection: NewConnection, a: DatabaseConnection
) -> None:
    strict = new_connection(isolation=level)
    strict.run("SELECT 1 FROM presence")
    a.append("join")
    a.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        strict.append("join")
    strict.rollback()
    assert strict.append("join") == []
