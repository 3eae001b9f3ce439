"""An independent fold of the log, in Python, and the comparison with the live tables.

The log holds facts only, so the fold is strict: an event that changes nothing, or contradicts earlier events, is an
error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from presence_events.models import PresenceEvent
from projections.models import Presence, Process, Room


class Row(NamedTuple):
    id: int
    room_id: str
    channel_name: str
    user_id: Any
    joined_at: datetime
    touched_at: datetime
    data: Any
    process: str | None
    is_leased: bool
    exclusive_room: str | None


class Lease(NamedTuple):
    started_at: datetime
    seen_at: datetime


class State(NamedTuple):
    """The rooms (name: created at), the presences ((room, channel): row) and the leases (process: times)."""

    rooms: dict[str, datetime]
    presences: dict[tuple[str, str], Row]
    leases: dict[str, Lease]

    def last_seen(self, row: Row) -> datetime:
        lease = self.leases.get(row.process or "") if row.is_leased else None
        return row.touched_at if lease is None else max(row.touched_at, lease.seen_at)


def fold(events: Iterable[PresenceEvent]) -> State:
    """Returns the state after ``events``, in log order.

    The end of a stay has the ``last_seen`` that its transaction saw. That may be of an earlier beat, if a later one was
    not committed yet.
    """
    state = State({}, {}, {})
    beats: dict[str | None, list[datetime]] = {}
    for event in events:
        if not event.room:
            _apply_to_process(state, event)
            beats.setdefault(event.process, []).append(event.at)
        elif event.channel_name is None:
            _apply_to_room(state, event)
        else:
            row = state.presences.get((event.room, event.channel_name))
            _apply_to_connection(state, event, (event.room, event.channel_name))
            if event.kind in ("leave", "prune") and row is not None:
                signs = beats.get(row.process, []) if row.is_leased else []
                possible = {row.touched_at, *(max(row.touched_at, beat) for beat in signs)}
                assert event.last_seen in possible, f"{event.id}: {event.last_seen} is not in {possible}"
    return state


def _apply_to_process(state: State, event: PresenceEvent) -> None:
    assert event.process, f"{event.id}: no process"
    assert (event.channel_name, event.session, event.user_id, event.is_leased) == (None, None, None, None)
    lease = state.leases.get(event.process)
    if event.kind == "touch":
        assert lease is None or event.at > lease.seen_at, f"{event.id}: the beat changes nothing"
        state.leases[event.process] = Lease(event.at if lease is None else lease.started_at, event.at)
        assert event.since == state.leases[event.process].started_at
    else:
        assert event.kind == "prune", f"{event.id}: a process has beats and an end"
        assert lease is not None, f"{event.id}: {event.process} has no lease"
        assert (event.since, event.last_seen) == lease
        del state.leases[event.process]


def _apply_to_room(state: State, event: PresenceEvent) -> None:
    assert event.kind == "prune", f"{event.id}: only a prune may have no channel"
    assert not [row for row in state.presences.values() if row.room_id == event.room], f"{event.id}: not empty"
    assert state.rooms.pop(event.room) == event.since, f"{event.id}: another room of that name"
    assert (event.session, event.process, event.is_leased) == (None, None, None)


def _apply_to_connection(state: State, event: PresenceEvent, key: tuple[str, str]) -> None:
    if event.kind == "join":
        assert key not in state.presences, f"{event.id}: {key} is already present"
        assert event.since == event.at
        state.rooms.setdefault(event.room, event.at)
        _check_limits(state, event)
        state.presences[key] = Row(
            event.session,
            event.room,
            str(event.channel_name),
            event.user_id,
            event.at,
            event.at,
            event.data,
            event.process,
            bool(event.is_leased),
            event.room if event.is_exclusive else None,
        )
        return
    assert key in state.presences, f"{event.id}: {key} is not present"
    row = state.presences[key]
    assert (event.session, event.user_id, event.since) == (row.id, row.user_id, row.joined_at), f"{event.id}"
    assert event.at >= row.touched_at, f"{event.id}: time runs backwards"
    if event.kind == "touch":
        row = row._replace(touched_at=event.at, data=row.data if event.data is None else event.data)
        if event.is_leased is not None:
            row = row._replace(is_leased=event.is_leased, process=event.process)
        else:
            assert event.process is None, f"{event.id}: only a join and a change of the lease name a process"
        state.presences[key] = row
    else:
        assert event.kind in ("leave", "prune")
        assert (event.process, event.is_leased) == (None, None)
        del state.presences[key]


def _check_limits(state: State, event: PresenceEvent) -> None:
    """Asserts that an exclusive join has no exclusive stay of its user beside it.

    The capacity, and stays that are not exclusive, say nothing here: joins without limits do not wait for those with
    limits, so their positions may be earlier than those that the join was checked against.
    """
    stays = [row for row in state.presences.values() if row.room_id == event.room and row.exclusive_room]
    if event.is_exclusive:
        assert event.user_id not in [row.user_id for row in stays], f"{event.id}: two exclusive stays"


def live() -> State:
    """Returns the rows of the projections in the shape of `fold`."""
    rooms = dict(Room.objects.values_list("channel_name", "created_at"))
    rows = [Row(*values) for values in Presence.objects.values_list(*Row._fields)]
    leases = {name: Lease(*times) for name, *times in Process.objects.values_list("name", "started_at", "seen_at")}
    return State(rooms, {(row.room_id, row.channel_name): row for row in rows}, leases)


def assert_live_is_the_fold() -> None:
    """Asserts that the projections equal the fold of the log, row by row, primary keys included.

    What is known of ``last_seen`` is part of it.
    """
    with _one_snapshot():
        found = live()
        assert found == fold(PresenceEvent.objects.order_by("id"))
        presences = Presence.objects.values_list("room_id", "channel_name", "last_seen")
        last_seen = {(room, channel): seen for room, channel, seen in presences}
        assert last_seen == {key: found.last_seen(row) for key, row in found.presences.items()}


@contextmanager
def _one_snapshot() -> Iterator[None]:
    """Lets servers under test send beats meanwhile. In a transaction of the test, there are no servers."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield
