"""Consumers that rely on the presence mixins."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer

from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.decorators import touch_presence


class AsyncMixedConsumer(AsyncPresenceMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        for room in _rooms(self.scope):
            await self.join_room(room)
        await self.send(json.dumps({"type": "welcome", "channel": self.channel_name}))

    async def tell(self, message: dict[str, Any]) -> None:
        """Sends without catching the errors of a client that is gone."""
        await self.send(message["text"])


class SyncMixedConsumer(PresenceMixin, WebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        for room in _rooms(self.scope):
            self.join_room(room)
        self.send(json.dumps({"type": "welcome", "channel": self.channel_name}))

    def tell(self, message: dict[str, Any]) -> None:
        self.send(message["text"])


class AsyncPingingConsumer(AsyncMixedConsumer):
    presence_ping = True


class SyncPingingConsumer(SyncMixedConsumer):
    presence_ping = True


class SelfReliantConsumer(AsyncMixedConsumer):
    """Its clients send heartbeats."""

    presence_heartbeat = False

    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        pass


def _rooms(scope: dict[str, Any]) -> list[str]:
    return parse_qs(scope["query_string"].decode())["room"]
