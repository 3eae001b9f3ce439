"""The interleavings of beats and leases with each other and with the events of connections.

Connection ``a`` acts first and commits late. Connection ``b`` meets the uncommitted changes of ``a``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import LiteralString

import psycopg
import pytest

from presence_events._recording import statement
from presence_events.models import PresenceEvent
from presence_events.recorder import record_select
from projections import selections
from projections.models import Presence, Process, Room
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold
from tests.leases import beat, end_lease, join_leased, let_pass, put_on_lease

pytestmark = pytest.mark.django_db(transaction=True)

BEAT: LiteralString = "INSERT INTO presence_event (kind, room, process) VALUES ('touch', '', 'one') RETURNING id"
END: LiteralString = "INSERT INTO presence_event (kind, room, process) VALUES ('prune', '', 'one') RETURNING id"
JOIN: LiteralString = (
    "INSERT INTO presence_event (kind, room, channel_name, process, is_leased) "
    "VALUES ('join', 'room', 'late', 'one', true) RETURNING id"
)


@pytest.fixture
def a(new_connection: Callable[..., DatabaseConnection]) -> DatabaseConnection:
    return new_connection()


@pytest.fixture
def b(new_connection: Callable[..., DatabaseConnection]) -> DatabaseConnection:
    return new_connection()


@pytest.fixture(autouse=True)
def _live_is_the_fold() -> Iterator[None]:
    join_leased("one", "room", "channel")
    beat("one")
    yield
    assert_live_is_the_fold()


def test_a_beat_and_the_events_of_its_connections_do_not_wait_for_each_other(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    for kind in ("touch", "leave", "join", "prune"):
        a.run(BEAT)
        assert len(b.append(kind)) == 1
        b.commit()
        a.commit()
        if kind == "join":
            put_on_lease("one", ("room", "channel"))
    join_leased("one", "room", "channel")
    for kind in ("touch", "leave"):
        assert len(a.append(kind)) == 1
        assert len(b.run(BEAT)) == 1
        b.commit()
        a.commit()


def test_a_leave_beside_a_beat_that_is_not_committed_has_the_beat_before_it(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    before = Presence.objects.get().last_seen
    a.run(BEAT)
    b.append("leave")
    b.commit()
    a.commit()
    assert PresenceEvent.objects.get(kind="leave").last_seen == before


def test_two_beats_follow_each_other_in_position_and_in_time(a: DatabaseConnection, b: DatabaseConnection) -> None:
    (first,) = a.run(BEAT)
    future = b.background(b.run, BEAT)
    b.wait_until_blocked(future)
    a.commit()
    (second,) = future.result()
    b.commit()
    assert first < second
    one, two = PresenceEvent.objects.filter(pk__in=[first, second]).order_by("id")
    assert one.at < two.at
    assert one.since == two.since


def test_a_beat_in_progress_keeps_the_connections_of_a_silent_process(a: DatabaseConnection) -> None:
    """Pruning skips the lease, which the beat has locked. It does not wait for the beat."""
    let_pass(100)
    a.run(BEAT)
    assert Room.objects.prune_presences(60) == 0
    a.commit()
    assert Room.objects.prune_presences(60) == 0
    assert Presence.objects.count() == 1


def test_a_beat_that_commits_before_the_prune_locks_the_lease_keeps_its_connections(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    """The prune has its snapshot before the beat commits, and waits for the lock on the log meanwhile."""
    let_pass(100)
    a.run("LOCK TABLE presence_process IN SHARE ROW EXCLUSIVE MODE")
    a.run(BEAT)
    statement = (
        "WITH silent AS MATERIALIZED (SELECT name FROM presence_process "
        "WHERE seen_at < statement_timestamp() - interval '60 s' FOR SHARE) SELECT name FROM silent"
    )
    future = b.background(b.run, statement)
    b.wait_until_blocked(future)
    a.commit()
    assert future.result() == []
    b.commit()
    assert Room.objects.prune_presences(60) == 0


def test_the_prune_of_a_silent_process_has_its_last_beat_and_delays_the_next_one(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    let_pass(100)
    before = Presence.objects.get().last_seen
    a.run("SELECT name FROM presence_process FOR SHARE")
    a.append("prune")
    future = b.background(b.run, BEAT)
    b.wait_until_blocked(future)
    a.commit()
    assert len(future.result()) == 1
    b.commit()
    assert PresenceEvent.objects.get(kind="prune").last_seen == before


def test_a_lease_does_not_end_while_a_stay_depends_on_it(a: DatabaseConnection) -> None:
    assert not end_lease("one")
    a.append("leave")
    assert not end_lease("one"), "the leave is not committed"
    a.commit()
    assert end_lease("one")
    assert not end_lease("one")


def test_a_beat_that_waits_for_the_end_of_its_lease_begins_a_new_one(
    a: DatabaseConnection, b: DatabaseConnection
) -> None:
    Room.objects.remove("room", "channel")
    (end,) = a.run(END)
    future = b.background(b.run, BEAT)
    b.wait_until_blocked(future)
    a.commit()
    (again,) = future.result()
    b.commit()
    assert end < again
    event = PresenceEvent.objects.get(pk=again)
    assert event.since == event.at == Process.objects.get().started_at


def test_the_end_of_a_lease_waits_for_a_beat_in_progress(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.remove("room", "channel")
    (last,) = a.run(BEAT)
    future = b.background(b.run, END)
    b.wait_until_blocked(future)
    a.commit()
    (end,) = future.result()
    b.commit()
    assert PresenceEvent.objects.get(pk=end).last_seen == PresenceEvent.objects.get(pk=last).at


def test_a_lease_ends_beside_a_join_that_is_not_committed(a: DatabaseConnection) -> None:
    Room.objects.remove("room", "channel")
    a.run(JOIN)
    assert end_lease("one")
    a.commit()
    stay = Presence.objects.get()
    assert stay.last_seen == stay.joined_at
    beat("one")
    assert Presence.objects.get().last_seen == Process.objects.get().seen_at > stay.joined_at


def test_two_ends_of_a_lease_are_recorded_once(a: DatabaseConnection, b: DatabaseConnection) -> None:
    Room.objects.remove("room", "channel")
    a.run(END)
    future = b.background(b.run, END)
    b.wait_until_blocked(future)
    a.commit()
    assert future.result() == []
    b.commit()


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_an_old_snapshot_does_not_decide_on_the_end_of_a_lease(level: str, a: DatabaseConnection) -> None:
    Room.objects.remove("room", "channel")
    a.connection.isolation_level = psycopg.IsolationLevel[level.replace(" ", "_")]
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="the end of a lease is refused"):
        a.run(END)
    a.rollback()
    assert len(a.run(BEAT)) == 1
    a.commit()


def test_a_beat_after_an_old_snapshot_is_a_serialization_failure(a: DatabaseConnection) -> None:
    a.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    a.run("SELECT 1 FROM presence_process")
    beat("one")
    with pytest.raises(psycopg.errors.SerializationFailure):
        a.run(BEAT)
    a.rollback()


def test_an_old_snapshot_without_the_lease_does_not_prune(a: DatabaseConnection) -> None:
    """The process has sent its first beat after the snapshot. Without a lease, the stay would look silent."""
    Room.objects.remove("room", "channel")
    assert end_lease("one")
    join_leased("one", "room", "channel")
    let_pass(100)
    a.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    a.run("SELECT 1 FROM presence_open_stay")
    beat("one")
    text, params = statement._statement(
        "append", [selections.prune_presences(None, 60)], "default", "room", lock_timeout=None
    )
    assert a.connection.execute(text, {**params, "process": None}).fetchall() == []  # type: ignore[arg-type]
    a.rollback()


def test_a_ghost_that_leaves_meanwhile_is_not_pruned(a: DatabaseConnection) -> None:
    """The process has read that it lacks the stay. The leave of that stay is in progress."""
    ghosts = selections.prune_ghosts(list(Presence.objects.values_list("pk", flat=True)), "one")
    a.append("leave")
    assert record_select(ghosts, using="default") == []
    a.commit()
    assert record_select(ghosts, using="default") == []


def test_a_ghost_that_another_process_takes_over_is_not_pruned() -> None:
    ghosts = selections.prune_ghosts(list(Presence.objects.values_list("pk", flat=True)), "one")
    put_on_lease("two", ("room", "channel"))
    assert record_select(ghosts, using="default") == []
    assert Presence.objects.get().process == "two"
