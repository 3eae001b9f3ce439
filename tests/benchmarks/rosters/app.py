"""The measured application: a consumer for each way, behind ``/<room>/<user>``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.asgi import get_asgi_application

get_asgi_application()

from channels.generic.websocket import AsyncWebsocketConsumer  # noqa: E402
from channels.layers import get_channel_layer  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402

from presence_events.models import PresenceEvent  # noqa: E402
from projections.consumers import AsyncPresenceMixin  # noqa: E402
from projections.models import Presence, Room  # noqa: E402
from projections.rosters import Member, Roster  # noqa: E402
from projections.signals import presence_changed, presence_updated  # noqa: E402


class Names(Roster):
    """Shows names. All people of a room of a thousand are listed, as by the other ways."""

    def serialize(self, members: Sequence[Member]) -> Mapping[str, dict[str, Any]]:
        return {member.id: {"name": member.user.get_username(), **member.data} for member in members}


class Consumer(AsyncPresenceMixin, AsyncWebsocketConsumer):
    presence_roster = {"roster": Names(grace=0, limit=5000), "large": Names(grace=0)}.get(settings.WAY)

    async def connect(self) -> None:
        await self.accept()
        self.room = self.scope["path"].split("/")[1]
        await self.join_room(self.room)
        if settings.WAY == "each":
            await self.send(json.dumps({"list": await people(self.room)}))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        content = json.loads(text_data or "null")
        if "echo" in content:
            await self.send(text_data)
        elif "start" in content:
            connect_receivers()
        else:
            await self.touch_presence(content)

    async def tell(self, message: Any) -> None:
        await self.send(message["text"])


async def people(room: str) -> list[dict[str, Any]]:
    """The list of a room, as one writes it by hand: one query."""
    found: dict[int, dict[str, Any]] = {}
    async for presence in Presence.objects.filter(room=room).select_related("user").order_by("id"):
        one = found.setdefault(presence.user_id, {"id": presence.user_id, "name": presence.user.username, "tabs": 0})
        one["tabs"] += 1
        one.update(presence.data or {})
        one["since"] = presence.joined_at.isoformat()
    return list(found.values())


async def send_whole(room: Room, **kwargs: Any) -> None:
    await _tell(room, {"list": await people(room.channel_name)})


async def send_each(room: Room, events: list[PresenceEvent], **kwargs: Any) -> None:
    for event in events:
        user = event.user
        change = {"kind": event.kind, "id": event.user_id, "name": user.get_username(), "data": event.data}
        await _tell(room, {"change": change, "at": event.at.isoformat()})


async def _tell(room: Room, message: dict[str, Any]) -> None:
    await get_channel_layer().group_send(room.channel_name, {"type": "tell", "text": json.dumps(message)})


RECEIVER = {"whole": send_whole, "each": send_each}.get(settings.WAY)


def connect_receivers() -> None:
    """Begins to send lists or changes. For a large room, whole lists wait until its pages are connected."""
    if RECEIVER is not None:
        presence_changed.connect(RECEIVER)
        presence_updated.connect(RECEIVER)


if not settings.WAITS:
    connect_receivers()


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        user = get_user_model()(pk=int(scope["path"].split("/")[2]))
        user.username = f"user {user.pk}"
        await Consumer.as_asgi()({**scope, "user": user}, receive, send)
