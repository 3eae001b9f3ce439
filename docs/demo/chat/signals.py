"""The receivers of the chat."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db.models import prefetch_related_objects
from django.dispatch import receiver
from django.utils import timezone

from chat.people import people
from presence_events.models import PresenceEvent
from projections.models import Room
from projections.signals import presence_changed


@receiver(presence_changed, sender=Room)
def broadcast_presence(room: Room, events: list[PresenceEvent], **kwargs: Any) -> None:
    """Sends the new list of people and the changes to all connections in ``room``."""
    prefetch_related_objects(events, "user")
    presence = {
        "people": people(room),
        "changes": [{"kind": event.kind, "name": event.user.get_username()} for event in events if event.user],
        "now": timezone.now().isoformat(),
    }
    layer = get_channel_layer()
    async_to_sync(layer.group_send)(room.channel_name, {"type": "chat.presence", "presence": presence})


@receiver(presence_changed, sender=Room)
def close_ended(events: list[PresenceEvent], **kwargs: Any) -> None:
    """Closes connections that did not end their stay themselves.

    These stays ended with a prune, or with a leave that has a reason: the user was deleted, or an operator did it.
    """
    send = async_to_sync(get_channel_layer().send)
    for event in events:
        if event.kind == "prune" or (event.kind == "leave" and event.data):
            by_operator = event.kind == "leave" and "by" in event.data
            send(event.channel_name, {"type": "chat.ended", "by_operator": by_operator})
