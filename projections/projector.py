"""From committed events to channel-layer groups and Django signals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from presence_events.models import PresenceEvent
from projections import groups
from projections.models import Presence, Room
from projections.signals import presence_changed

__all__ = ["deliver"]


async def deliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Delivers ``events``, a run of the log in order: first the groups, then `presence_changed`.

    A receiver of `events_committed`. Receivers that raise are logged. Raises what the channel layer raised when
    somebody could not be added to a group, after everything else was delivered.
    """
    changes = [event for event in events if event.kind != "touch" and event.channel_name is not None]
    if not changes:
        return
    try:
        await groups.follow(changes)
    finally:
        for change in _changes(changes, using):
            await presence_changed.asend_robust(sender=Room, **change)


def _changes(events: list[PresenceEvent], using: str) -> Iterator[dict[str, Any]]:
    """The arguments of each signal: one an event, but one a room for a run of prunes."""
    for (kind, room_name), run in groupby(events, key=lambda event: (event.kind, event.room)):
        room = Room.named(room_name, using)
        if kind == "prune":
            yield {"room": room, "added": None, "removed": None, "bulk_change": True, "events": list(run)}
            continue
        for event in run:
            presence = Presence.of_event(event, room)
            yield {
                "room": room,
                "added": presence if kind == "join" else None,
                "removed": presence if kind == "leave" else None,
                "bulk_change": False,
                "events": [event],
            }
