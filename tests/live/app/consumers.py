"""Consumers as in the documentation: a synchronous one, and its asynchronous counterpart."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import async_to_sync
from autobahn.exception import Disconnected
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer

from projections.decorators import remove_presence, touch_presence
from projections.models import Room
from tests.live.app import views

# It goes through the channel layer, so it arrives after everything that was sent to the room before.
BARRIER = {"type": "tell", "text": json.dumps({"type": "barrier"})}

# uvicorn and daphne raise these when the client is gone. Uncaught, they would end the consumer without a disconnect.
CLIENT_IS_GONE = (OSError, Disconnected)


class SyncConsumer(WebsocketConsumer):
    def connect(self) -> None:
        super().connect()
        for room in _rooms(self.scope):
            Room.objects.add(room, self.channel_name, self.scope["user"])
        self.send(json.dumps({"type": "welcome", "channel": self.channel_name}))

    @touch_presence
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None:
            self.send(bytes_data=bytes_data)
        elif text_data == "barrier":
            async_to_sync(self.channel_layer.send)(self.channel_name, BARRIER)
        else:
            if text_data == "leave":
                for room in _rooms(self.scope):
                    Room.objects.remove(room, self.channel_name)
            self.send(json.dumps({"type": "echo", "text": text_data}))

    @remove_presence
    def disconnect(self, code: int) -> None:
        pass

    def tell(self, message: dict[str, Any]) -> None:
        self.send(message["text"])

    def send(self, *args: Any, **kwargs: Any) -> None:
        with suppress(*CLIENT_IS_GONE):
            super().send(*args, **kwargs)


class UnguardedConsumer(AsyncWebsocketConsumer):
    """Does not catch the errors of clients that disappear. A test can hold up its handler."""

    async def connect(self) -> None:
        await super().connect()
        for room in _rooms(self.scope):
            await Room.objects.aadd(room, self.channel_name, self.scope["user"])
        await self.send(json.dumps({"type": "welcome", "channel": self.channel_name}))

    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(json.dumps({"type": "echo", "text": text_data}))
        await views.gate.wait()

    @remove_presence
    async def disconnect(self, code: int) -> None:
        pass

    async def tell(self, message: dict[str, Any]) -> None:
        await self.send(message["text"])


class AsyncConsumer(UnguardedConsumer):
    """Catches these errors."""

    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data is None:
            await self.send(bytes_data=bytes_data)
        elif text_data == "barrier":
            await self.channel_layer.send(self.channel_name, BARRIER)
        else:
            if text_data == "leave":
                for room in _rooms(self.scope):
                    await Room.objects.aremove(room, self.channel_name)
            await self.send(json.dumps({"type": "echo", "text": text_data}))

    async def send(self, *args: Any, **kwargs: Any) -> None:
        with suppress(*CLIENT_IS_GONE):
            await super().send(*args, **kwargs)


def _rooms(scope: dict[str, Any]) -> list[str]:
    return parse_qs(scope["query_string"].decode())["room"]
