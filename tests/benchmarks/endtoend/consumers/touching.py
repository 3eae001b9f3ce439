"""Presence with the mixin, and an additional touch for every message."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer

from projections.consumers import AsyncPresenceMixin
from projections.decorators import touch_presence
from tests.benchmarks.endtoend.consumers import room


class Consumer(AsyncPresenceMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.join_room(room(self.scope))
        await self.send("welcome")

    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data)
