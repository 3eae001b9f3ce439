"""An independent fold of the log, in Python, and the comparison with the live tables.

The log holds facts only, so the fold is strict: an event that changes nothing, or contradicts earlier events, is an
error.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from presence_events.models import PresenceEvent
from projections.models import Presence, Room


class Row(NamedTuple):
    id: int
    room_id: str
    channel_name: str
    user_id: Any
    joined_at: datetime
    last_seen: datetime
    data: Any
    process: str | None


Rooms = dict[str, datetime]
Presences = dict[tuple[str, str], Row]


def fold(events: Iterable[PresenceEvent]) -> tuple[Rooms, Presences]:
    """Returns the rooms (name: created at) and presences ((room, channel): row) after ``events``, in log order."""
    rooms: Rooms = {}
    presences: Presences = {}
    for event in events:
        if event.channel_name is None:
            assert event.kind == "prune", f"{event.id}: only a prune may have no channel"
            assert not [row for row in presences.values() if row.room_id == event.room], f"{event.id}: not empty"
            assert rooms.pop(event.room) == event.since, f"{event.id}: another room of that name"
            assert event.session is None
            continue
        key = (event.room, event.channel_name)
        if event.kind == "join":
            assert key not in presences, f"{event.id}: {key} is already present"
            assert event.since == event.at
            rooms.setdefault(event.room, event.at)
            presences[key] = Row(
                event.session,
                event.room,
                event.channel_name,
                event.user_id,
                event.at,
                event.at,
                event.data,
                event.process,
            )
            continue
        assert event.process is None, f"{event.id}: only a join is claimed"
        assert key in presences, f"{event.id}: {key} is not present"
        row = presences[key]
        assert (event.session, event.user_id, event.since) == (row.id, row.user_id, row.joined_at), f"{event.id}"
        assert event.at >= row.last_seen, f"{event.id}: time runs backwards"
        if event.kind == "touch":
            presences[key] = row._replace(last_seen=event.at, data=row.data if event.data is None else event.data)
        else:
            assert event.kind in ("leave", "prune")
            assert event.last_seen == row.last_seen, f"{event.id}"
            del presences[key]
    return rooms, presences


def live() -> tuple[Rooms, Presences]:
    """Returns the rows of the projections in the shape of `fold`."""
    rooms = dict(Room.objects.values_list("channel_name", "created_at"))
    rows = [Row(*values) for values in Presence.objects.values_list(*Row._fields)]
    return rooms, {(row.room_id, row.channel_name): row for row in rows}


def assert_live_is_the_fold() -> None:
    """Asserts that the projections equal the fold of the log, row by row, primary keys included."""
    assert live() == fold(PresenceEvent.objects.order_by("id"))
