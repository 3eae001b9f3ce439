"""Presence with the fork, called from coroutines. Its decorators need a synchronous consumer, which is slower."""

from __future__ import annotations

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from channels_presence.models import Presence, Room

from tests.benchmarks.endtoend.consumers import room


class Consumer(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await database_sync_to_async(Room.objects.add)(room(self.scope), self.channel_name)
        await self.send("welcome")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await database_sync_to_async(Presence.objects.touch)(self.channel_name)
        await self.send(text_data)

    async def disconnect(self, code: int) -> None:
        await database_sync_to_async(Presence.objects.leave_all)(self.channel_name)
