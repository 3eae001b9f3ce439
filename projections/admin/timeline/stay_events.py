"""What the log says of one stay: its join, its end, and its latest touches.

Events have no index of stays, so they are looked for around the times at which they happened. Join and end are found by
the index of rooms, however full the room is. Touches are in no index but that of positions: no more than the `REACH`
positions before the stay was last seen are looked at.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

from presence_events.models import PresenceEvent
from presence_events.positions import SLACK, position_at
from projections.sessions import PresenceSession

__all__ = ["REACH", "TOUCHES", "Evidence", "events_of", "said"]

REACH = 100_000
"""How many positions of the log are looked at for touches."""

TOUCHES = 50
"""How many touches are shown, the latest ones."""


class Evidence(NamedTuple):
    """``events`` in log order. ``complete`` is False if the stay may have touches that are not among them."""

    events: list[PresenceEvent]
    complete: bool


def events_of(stay: PresenceSession) -> Evidence:
    """The events of ``stay``, read where it was read. A constant number of queries, and of index probes nearly so."""
    using = str(stay._state.db)
    events: Any = PresenceEvent.objects.using(using).filter(session=stay.session, room=stay.room)
    facts = events.exclude(kind=PresenceEvent.Kind.TOUCH)
    begin, after_join = _positions_around(stay.joined_at, using)
    found = list(facts.filter(id__gte=begin, id__lt=after_join))
    if stay.left_at is not None:
        low, high = _positions_around(stay.left_at, using)
        # A short stay ends where it began.
        found += facts.filter(id__gte=max(low, after_join), id__lt=high)
    after_touches = position_at(stay.last_seen + SLACK, using=using)
    low = max(begin, after_touches - REACH)
    touches = events.filter(kind=PresenceEvent.Kind.TOUCH, id__gte=low, id__lt=after_touches)
    latest = list(touches.order_by("-id")[: TOUCHES + 1])
    complete = low == begin and len(latest) <= TOUCHES
    return Evidence(sorted(found + latest[:TOUCHES], key=lambda event: event.id), complete)


def said(data: Any) -> str:
    """What a connection says of itself, or an end of why, as one reads it: text as it is, and the rest as JSON."""
    if data is None:
        return ""
    return data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)


def _positions_around(moment: datetime, using: str) -> tuple[int, int]:
    return position_at(moment - SLACK, using=using), position_at(moment + SLACK, using=using)
