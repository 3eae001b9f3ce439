"""Presence with the mixin, whose heartbeats touch every connection."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer

from projections.consumers import AsyncPresenceMixin
from tests.benchmarks.endtoend.consumers import room


class Consumer(AsyncPresenceMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.join_room(room(self.scope))
        await self.send("welcome")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data)
