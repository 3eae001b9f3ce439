"""Sends the members of a room to the room whenever they change."""

from __future__ import annotations

import json
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.dispatch import receiver

from presence_events.models import PresenceEvent
from projections.models import Room
from projections.signals import presence_changed


@receiver(presence_changed)
def tell_the_room(sender: type[Room], room: Room, events: list[PresenceEvent], **kwargs: Any) -> None:
    content = {
        "type": "presence",
        "room": room.channel_name,
        "members": sorted(str(user.pk) for user in room.get_users()),
        "lurkers": room.get_anonymous_count(),
        "changes": [[event.kind, event.channel_name] for event in events],
    }
    message = {"type": "tell", "text": json.dumps(content)}
    async_to_sync(get_channel_layer().group_send)(room.channel_name, message)
