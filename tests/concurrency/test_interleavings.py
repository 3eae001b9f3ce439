"""Each interleaving that the fold's rules on concurrency were made for, on real connections.

``a`` acts first and commits late; ``b`` meets what ``a`` has done and not yet committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from django.db import connection

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Presence, Room
from tests.concurrency.conftest import Session
from tests.fold import assert_live_is_the_fold
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)

Sessions = Callable[..., Session]


@pytest.fixture
def a(sessions: Sessions) -> Session:
    return sessions()


@pytest.fixture
def b(sessions: Sessions) -> Session:
    return sessions()


@pytest.fixture(autouse=True)
def _the_fold_agrees() -> Iterator[None]:
    yield
    assert_live_is_the_fold()


def test_positions_are_drawn_under_the_lock(a: Session, b: Session, sessions: Sessions) -> None:
    """Drawn before, a leave with position 1 could wait while a join with position 3 commits and is then deleted by
    it: live says absent, a replay says present."""
    Room.objects.add("room", "channel")
    a.append("touch")
    future = b.start("leave")
    meanwhile = sessions()
    (join,) = meanwhile.append("join", channel="other")
    meanwhile.commit()
    a.commit()
    (leave,) = future.result()
    b.commit()
    assert leave > join


def test_a_leave_that_waits_while_one_stay_ends_and_another_begins_ends_neither(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    (join,) = a.append("join")
    future = b.start("leave")
    a.commit()
    assert future.result() == []
    b.commit()
    assert Presence.objects.get().pk == PresenceEvent.objects.get(pk=join).session


def test_a_leave_that_waits_for_a_touch_comes_after_it_in_the_log(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    (touch,) = a.append("touch")
    future = b.start("leave")
    a.commit()
    (leave,) = future.result()
    b.commit()
    assert leave > touch


def test_a_join_that_waits_for_a_leave_begins_after_it_in_position_and_in_time(a: Session, b: Session) -> None:
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


def test_a_join_that_waits_for_a_leave_that_is_rolled_back_records_nothing(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("join")
    a.rollback()
    assert future.result() == []


def test_of_two_joins_at_once_one_is_recorded(a: Session, b: Session) -> None:
    a.append("join")
    future = b.start("join")
    a.commit()
    assert future.result() == []


def test_of_two_joins_at_once_the_second_is_recorded_if_the_first_is_rolled_back(a: Session, b: Session) -> None:
    a.append("join")
    future = b.start("join")
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_of_two_leaves_at_once_one_is_recorded(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    assert len(a.append("leave")) == 1
    future = b.start("leave")
    a.commit()
    assert future.result() == []


def test_of_two_leaves_at_once_the_second_is_recorded_if_the_first_is_rolled_back(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("leave")
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_a_touch_that_waits_for_a_leave_records_nothing(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    a.append("leave")
    future = b.start("touch")
    a.commit()
    assert future.result() == []


def test_a_touch_that_waits_for_a_touch_is_later_than_it(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    (first,) = a.append("touch")
    future = b.start("touch")
    a.commit()
    (second,) = future.result()
    b.commit()
    events = PresenceEvent.objects.in_bulk()
    assert events[second].at > events[first].at
    assert Presence.objects.get().last_seen == events[second].at


def test_a_touch_that_waited_for_a_row_that_was_only_locked_is_as_late_as_it_is_recorded(
    a: Session, b: Session
) -> None:
    Room.objects.add("room", "channel")
    a.run("SELECT FROM presence FOR UPDATE")
    future = b.start("touch")
    (released,) = a.run("SELECT clock_timestamp() FROM pg_sleep(0.05)")
    a.rollback()
    (touch,) = future.result()
    b.commit()
    assert PresenceEvent.objects.get(pk=touch).at > released


def test_a_join_that_waited_for_a_join_that_was_rolled_back_begins_after_that(a: Session, b: Session) -> None:
    Room.objects.add("room", "other")
    a.append("join")
    future = b.start("join")
    (released,) = a.run("SELECT clock_timestamp() FROM pg_sleep(0.05)")
    a.rollback()
    (join,) = future.result()
    b.commit()
    assert PresenceEvent.objects.get(pk=join).since > released


def test_a_join_waits_for_the_prune_of_its_room_and_makes_it_anew(a: Session, b: Session) -> None:
    """Not met as a foreign-key error."""
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    assert len(a.append("prune", channel=None)) == 1
    future = b.start("join")
    a.commit()
    assert len(future.result()) == 1
    b.commit()
    (pruned,) = PresenceEvent.objects.filter(kind="prune")
    assert Room.objects.get().created_at > pruned.at


def test_the_prune_of_a_room_waits_for_a_join_and_leaves_the_room_alone(a: Session, b: Session) -> None:
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    a.append("join")
    future = b.start("prune", channel=None)
    a.commit()
    assert future.result() == []
    b.commit()
    assert Presence.objects.exists()


def test_the_prune_of_a_room_waits_for_a_join_that_is_rolled_back_and_prunes(a: Session, b: Session) -> None:
    Room.objects.add("room", "other")
    Room.objects.remove("room", "other")
    a.append("join")
    future = b.start("prune", channel=None)
    a.rollback()
    assert len(future.result()) == 1
    b.commit()


def test_two_joins_of_a_room_that_does_not_exist_make_it_once(a: Session, b: Session) -> None:
    a.append("join", channel="1")
    future = b.start("join", channel="2")
    a.commit()
    assert len(future.result()) == 1
    b.commit()
    assert Room.objects.get().presence_set.count() == 2


def test_two_joins_of_a_room_that_exists_do_not_wait_for_each_other(a: Session, b: Session) -> None:
    Room.objects.add("room", "other")
    assert len(a.append("join", channel="1")) == 1
    assert len(b.append("join", channel="2")) == 1
    a.commit()
    b.commit()


def test_the_sweeper_does_not_wait_for_who_is_being_touched(a: Session) -> None:
    Room.objects.add("room", "busy")
    Room.objects.add("room", "idle")
    age_presences("busy", "idle", seconds=61)
    a.append("touch", channel="busy")
    assert Room.objects.prune_presences() == 1
    a.commit()
    assert Presence.objects.get().channel_name == "busy"


def test_a_touch_that_comes_in_time_wins(a: Session, b: Session) -> None:
    """The sweeper has seen the presence as stale; the touch commits before it is locked; under the lock its age is
    looked at again."""
    Room.objects.add("room", "first")
    Room.objects.add("room", "second")
    age_presences("first", "second", seconds=61)
    # The sweep is held up before its first row, with its snapshot taken.
    gate = 4711
    a.run("SELECT pg_advisory_xact_lock(%s)", gate)
    sweep = b.background(
        b.run,
        "INSERT INTO presence_event (kind, room, channel_name, session) "
        "SELECT 'prune', room, channel_name, id FROM presence, "
        "(SELECT pg_advisory_xact_lock(%s) OFFSET 0) AS gate "
        "WHERE last_seen < statement_timestamp() - interval '60 s' "
        "ORDER BY room, channel_name FOR UPDATE OF presence SKIP LOCKED RETURNING channel_name",
        gate,
    )
    b.wait_until_blocked(sweep)
    Presence.objects.touch("second")
    a.commit()
    assert sweep.result() == ["first"]
    b.commit()
    assert Presence.objects.get().channel_name == "second"


def test_a_touch_that_comes_too_late_finds_nobody(a: Session, b: Session) -> None:
    Room.objects.add("room", "channel")
    a.append("prune")
    future = b.start("touch")
    a.commit()
    assert future.result() == []


def test_two_sweepers_share_the_work_and_prune_everybody_once(a: Session) -> None:
    for number in range(10):
        Room.objects.add("room", f"{number}")
    a.run("SELECT FROM presence WHERE channel_name < '5' FOR UPDATE")
    assert Room.objects.prune_presences(0) == 5
    a.rollback()
    assert Room.objects.prune_presences(0) == 5
    assert PresenceEvent.objects.filter(kind="prune").count() == 10


def test_the_sweeper_of_rooms_does_not_wait_for_who_is_joining(a: Session) -> None:
    for room in ("busy", "idle"):
        Room.objects.add(room, "channel")
        Room.objects.remove(room, "channel")
    a.append("join", "busy")
    assert Room.objects.prune_rooms() == 1
    a.commit()
    assert Room.objects.get().channel_name == "busy"


def test_a_stay_named_by_its_session_is_ended_and_no_other(a: Session, b: Session) -> None:
    """What joins again while somebody decides to end the stay before is left alone."""
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


def test_a_rollback_leaves_a_gap_and_nothing_else(a: Session, b: Session) -> None:
    (first,) = a.append("join", channel="1")
    a.rollback()
    (second,) = b.append("join", channel="2")
    b.commit()
    assert second > first
    assert list(PresenceEvent.objects.values_list("id", flat=True)) == [second]


def test_batches_in_opposite_orders_do_not_deadlock(a: Session, b: Session) -> None:
    """Whoever records a batch locks in the order of rooms and channels, whatever order it was given in."""
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


def test_batches_that_prune_a_room_and_join_it_do_not_deadlock(sessions: Sessions) -> None:
    def come_and_go(channel: str) -> None:
        drafts = [Draft("join", "room", channel), Draft("leave", "room", channel), Draft("prune", "room", None)]
        try:
            for _ in range(100):
                record(drafts)
        finally:
            connection.close()

    Room.objects.add("room", "host")
    for future in [sessions().background(come_and_go, channel) for channel in "1234"]:
        future.result()


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
def test_a_stricter_transaction_gets_a_serialization_failure_and_not_a_wrong_answer(
    level: psycopg.IsolationLevel, sessions: Sessions, a: Session
) -> None:
    strict = sessions(isolation=level)
    strict.run("SELECT 1 FROM presence")
    a.append("join")
    a.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        strict.append("join")
    strict.rollback()
    assert strict.append("join") == []
