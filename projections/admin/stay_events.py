"""Reads the events of one stay from the log: its join, its end, and its latest touches.

Events have no index by stay. This module searches the log around the times at which they happened. The index by room
finds join and end, however full the room is. Touches are only in the index of positions, so the search for them reads
at most `MAX_POSITIONS_SCANNED` positions before the connection was last seen.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.models import PresenceEvent
from presence_events.positions import CLOCK_TOLERANCE, position_at
from presence_events.segments import horizon
from presence_events.segments.catalogue import MayContain
from projections.sessions import PresenceSession

__all__ = ["MAX_POSITIONS_SCANNED", "MAX_TOUCHES", "StayEvents", "data_as_text", "database_of_log", "events_of"]

MAX_POSITIONS_SCANNED = 100_000
"""Limits how many positions of the log the search for touches reads."""

MAX_TOUCHES = 50
"""Limits how many touches are shown. They are the latest ones."""


class StayEvents(NamedTuple):
    """The ``events`` of a stay in log order. If ``complete`` is False, the stay may have more touches."""

    events: list[PresenceEvent]
    complete: bool


def database_of_log(stay: PresenceSession) -> str:
    """Returns the database whose log has the events of ``stay``: the one that it was read from.

    If it was read from one that has the rooms of several others, it is the database of its room.
    """
    using = str(stay._state.db)
    return alias_of_room(stay.room) if chosen_by_room() and using not in aliases() else using


def events_of(stay: PresenceSession) -> StayEvents:
    """Returns the events of ``stay``, read from the database whose log has them.

    The number of queries is constant, and so, nearly, is the number of index probes.
    """
    using = database_of_log(stay)
    events: Any = PresenceEvent.objects.using(using).filter(session=stay.session, room=stay.room)
    joins_and_ends = events.exclude(kind=PresenceEvent.Kind.TOUCH)
    begin, after_join = _positions_around(stay.joined_at, using)
    found = list(
        joins_and_ends.filter(MayContain("id", after=begin - 1, up_to=after_join - 1), id__gte=begin, id__lt=after_join)
    )
    if stay.left_at is not None:
        low, high = _positions_around(stay.left_at, using)
        # The ranges around join and end of a short stay overlap.
        found += joins_and_ends.filter(
            MayContain("id", after=low - 1, up_to=high - 1), id__gte=max(low, after_join), id__lt=high
        )
    after_touches = position_at(stay.last_seen + CLOCK_TOLERANCE, using=using, partial=True)
    low = max(begin, after_touches - MAX_POSITIONS_SCANNED)
    touches = events.filter(
        MayContain("id", after=low - 1, up_to=after_touches - 1),
        kind=PresenceEvent.Kind.TOUCH,
        id__gte=low,
        id__lt=after_touches,
    )
    latest = list(touches.order_by("-id")[: MAX_TOUCHES + 1])
    are_removed = horizon.is_before(stay.joined_at, horizon.read(using).touches)
    complete = low == begin and len(latest) <= MAX_TOUCHES and not are_removed
    return StayEvents(sorted(found + latest[:MAX_TOUCHES], key=lambda event: event.id), complete)


def data_as_text(data: Any) -> str:
    """Returns the data of an event for reading: text as it is, anything else as JSON, and nothing for None."""
    if data is None:
        return ""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _positions_around(moment: datetime, using: str) -> tuple[int, int]:
    return position_at(moment - CLOCK_TOLERANCE, using=using, partial=True), position_at(
        moment + CLOCK_TOLERANCE, using=using, partial=True
    )
