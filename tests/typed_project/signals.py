"""Receivers of the signals, and what sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

from django.dispatch import receiver

from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow
from presence_events.signals import aevents_committed, arows_committed, events_committed
from projections.models import Presence, Room
from projections.signals import (
    MAIN,
    PresenceSignal,
    person_joined,
    person_left,
    presence_changed,
    presence_updated,
)


@receiver(presence_changed)
def on_change(
    sender: type[Room],
    room: Room,
    added: Presence | None,
    removed: Presence | None,
    bulk_change: bool,
    events: list[PresenceEvent],
    **kwargs: Any,
) -> None:
    """Does something with a change."""


@receiver(presence_updated)
async def on_update(sender: type[Room], room: Room, presence: Presence, **kwargs: Any) -> None:
    """Does something with new data."""


@receiver(person_joined)
@receiver(person_left)
def on_person(sender: type[Room], room: Room, presence: Presence, **kwargs: Any) -> None:
    """Does something when a person arrives or leaves."""


@receiver(presence_changed.for_worker("mail"))
def on_change_by_mail(sender: type[Room], room: Room, replayed: bool, **kwargs: Any) -> None:
    """Does something that has a worker of its own."""


@receiver(events_committed)
def on_events(sender: type[PresenceEvent], events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Does something with committed events."""


@receiver(aevents_committed)
async def aon_events(sender: type[PresenceEvent], events: list[PresenceEvent], using: str, **kwargs: Any) -> None:
    """Does something with committed events."""


@receiver(arows_committed)
async def on_rows(
    sender: type[PresenceEvent],
    rows: list[EventRow],
    read: Callable[[], list[PresenceEvent]],
    using: str,
    **kwargs: Any,
) -> None:
    """Does something with committed events that have not been made yet."""


async def send(room: Room) -> None:
    assert_type(presence_changed.for_worker(MAIN), PresenceSignal)
    for one in presence_changed.receivers_for(Room):
        assert_type(presence_changed.name_of(one), str)
        presence_changed.send_to(one, sender=Room, room=room)
    await PresenceSignal.asend_batch([(presence_changed, {"room": room})], sender=Room)
