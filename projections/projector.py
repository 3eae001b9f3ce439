"""From committed events to channel-layer groups and Django signals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from asgiref.sync import async_to_sync

from presence_events.models import PresenceEvent
from projections import groups
from projections.models import Presence, Room
from projections.signals import presence_changed

__all__ = ["adeliver", "deliver"]


def deliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Delivers ``events``, a run of the log in order: first the groups, then `presence_changed`.

    A receiver of `events_committed`. Receivers that raise are logged. Raises what the channel layer raised when
    somebody could not be added to a group, after everything else was delivered.
    """
    if changes := _changes(events):
        try:
            async_to_sync(groups.follow)(changes)
        finally:
            for signal in _signals(changes, using):
                presence_changed.send_robust(sender=Room, **signal)


async def adeliver(events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """As `deliver`, for `aevents_committed`."""
    if changes := _changes(events):
        try:
            await groups.follow(changes)
        finally:
            for signal in _signals(changes, using):
                await presence_changed.asend_robust(sender=Room, **signal)


def _changes(events: list[PresenceEvent]) -> list[PresenceEvent]:
    """Those by which somebody came or went."""
    return [event for event in events if event.kind != "touch" and event.channel_name is not None]


def _signals(events: list[PresenceEvent], using: str) -> Iterator[dict[str, Any]]:
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
