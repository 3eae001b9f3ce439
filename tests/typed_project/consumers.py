"""Consumers, with the mixins and with the decorators."""

from __future__ import annotations

from typing import Any, assert_type

from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)

from presence_events.exceptions import AlreadyPresent, RoomIsFull
from projections.consumers import EVICTED, REPLACED, AsyncPresenceMixin, PresenceMixin
from projections.decorators import remove_presence, touch_presence
from projections.models import Presence, Room


class AsyncChat(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    presence_heartbeat = True
    presence_ping = True
    presence_evict_code = EVICTED + 1
    presence_hidden = True

    async def connect(self) -> None:
        await self.accept()
        await self.join_room("lobby", data={"device": "phone"})
        await self.join_room("lobby", hidden=self.presence_hidden)

    @touch_presence(every=10)
    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        assert_type(await self.touch_presence(content), int)
        await self.leave_room("lobby")

    async def presence_ended(self, message: Any) -> None:
        await super().presence_ended(message)


class AsyncMeeting(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        try:
            await self.join_room("meeting", capacity=30, exclusive="oldest")
        except RoomIsFull as error:
            assert_type(error.room, str)
            assert_type(error.capacity, int)
            await self.close(4001)
        except AlreadyPresent as error:
            assert_type(error.room, str)
            await self.close(REPLACED)


class Chat(PresenceMixin, JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.join_room("lobby")
        self.join_room("meeting", {"device": "phone"}, capacity=30, exclusive="newest")

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        assert_type(self.touch_presence(), int)
        self.leave_room("lobby")


class DecoratedChat(WebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        Room.objects.add("lobby", self.channel_name)

    @touch_presence
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data, bytes_data)

    @remove_presence
    def disconnect(self, code: int) -> None:
        Presence.objects.leave_all(self.channel_name)


class AsyncDecoratedChat(AsyncWebsocketConsumer):
    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data, bytes_data)

    @remove_presence
    async def disconnect(self, code: int) -> None:
        await Presence.objects.aleave_all(self.channel_name)


async def handlers_keep_their_types(chat: AsyncDecoratedChat) -> None:
    await chat.receive(text_data="hello")
    await chat.disconnect(1000)
