"""The receiver of the chat."""

from __future__ import annotations

from typing import Any

from channels.layers import get_channel_layer
from django.dispatch import receiver

from chat.consumers import NOT_LOGGED_IN, REMOVED
from presence_events.models import PresenceEvent
from projections.models import Room
from projections.signals import presence_changed


@receiver(presence_changed, sender=Room)
async def close_removed(events: list[PresenceEvent], **kwargs: Any) -> None:
    """Closes the sockets of connections that were made to leave. The mixin closes those that were pruned.

    Such a leave has data: an operator did it, or the user was deleted. The mixin also closes those that were replaced.
    """
    for event in events:
        if event.kind == "leave" and event.data and not event.is_exclusive:
            code = REMOVED if "by" in event.data else NOT_LOGGED_IN
            await get_channel_layer().send(event.channel_name, {"type": "chat.removed", "code": code})
