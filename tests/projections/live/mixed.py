"""Consumers with the presence mixins, and helpers for tests that use them."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.layers import get_channel_layer
from django.db import connection

from presence_events.concurrency import in_thread
from presence_events.exceptions import AlreadyPresent, RoomIsFull
from presence_events.models import PresenceEvent
from presence_events.processes import registry
from projections._live import live_loop
from projections._live.stopwatch import Stopwatch
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.decorators import remove_presence, touch_presence
from projections.models import Presence, Room
from tests.communicator import WebsocketCommunicator
from tests.tenants import tenant
from tests.time import age_presences
from tests.waiting import until


class AsyncChat(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send_json(self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        await self.send_json(await getattr(self, method)(*arguments))

    async def join_limited(self, room: str, capacity: int | None, exclusive: Any) -> str | None:
        try:
            return await self.join_room(room, capacity=capacity, exclusive=exclusive)
        except (RoomIsFull, AlreadyPresent) as error:
            return type(error).__name__

    async def fail(self) -> None:
        raise OSError("the client is gone")


class SyncChat(PresenceMixin, JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.send_json(self.channel_name)

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        self.send_json(getattr(self, method)(*arguments))

    def join_limited(self, room: str, capacity: int | None, exclusive: Any) -> str | None:
        try:
            return self.join_room(room, capacity=capacity, exclusive=exclusive)
        except (RoomIsFull, AlreadyPresent) as error:
            return type(error).__name__

    def fail(self) -> None:
        raise OSError("the client is gone")


class AsyncSelfReliant(AsyncChat):
    presence_heartbeat = False


class SyncSelfReliant(SyncChat):
    presence_heartbeat = False


CHATS = [AsyncChat, SyncChat]
SELF_RELIANT = [AsyncSelfReliant, SyncSelfReliant]


class AsyncHandMade(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send_json(self.channel_name)

    @touch_presence
    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        await getattr(self, method)(*arguments)
        await self.send_json(None)

    async def join_room(self, room: str, data: Any = None, exclusive: Any = None) -> None:
        await Room.objects.aadd(room, self.channel_name, self.scope["user"], data, exclusive=exclusive)

    async def leave_room(self, room: str) -> None:
        await Room.objects.aremove(room, self.channel_name)

    async def switch(self, alias: str) -> None:
        tenant.set(alias)

    async def nothing(self) -> None:
        """The message itself is the touch."""

    async def fail(self) -> None:
        raise OSError("a handler with a bug")

    @remove_presence
    async def disconnect(self, code: int) -> None: ...


class SyncHandMade(JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.send_json(self.channel_name)

    @touch_presence
    def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        getattr(self, method)(*arguments)
        self.send_json(None)

    def join_room(self, room: str, data: Any = None, exclusive: Any = None) -> None:
        Room.objects.add(room, self.channel_name, self.scope["user"], data, exclusive=exclusive)

    def leave_room(self, room: str) -> None:
        Room.objects.remove(room, self.channel_name)

    def switch(self, alias: str) -> None:
        tenant.set(alias)

    def nothing(self) -> None:
        """The message itself is the touch."""

    def fail(self) -> None:
        raise OSError("a handler with a bug")

    @remove_presence
    def disconnect(self, code: int) -> None: ...


class Client:
    """A client of a consumer. ``await client("join_room", "lobby")`` calls that method of it and returns the answer."""

    def __init__(self, consumer_class: Any, user: Any = None) -> None:
        self.consumer: Any = consumer_class()
        self.communicator = WebsocketCommunicator(self.consumer, "/")
        self.communicator.scope["user"] = user
        self.channel = ""

    async def connect(self) -> None:
        assert (await self.communicator.connect(10))[0]
        self.channel = await self.communicator.receive_json_from(10)

    async def __call__(self, method: str, *arguments: Any) -> Any:
        await self.send(method, *arguments)
        return await self.communicator.receive_json_from(10)

    async def send(self, method: str, *arguments: Any) -> None:
        """Calls a method of the consumer without waiting for the answer."""
        await self.communicator.send_json_to([method, *arguments])

    async def closed_with(self) -> int:
        """Returns the close code. The consumer must not send anything else before it closes."""
        message = await self.communicator.receive_output(10)
        assert message["type"] == "websocket.close"
        return int(message["code"])

    async def open_and_quiet(self) -> bool:
        return await self.communicator.receive_nothing(0.05)

    async def disconnect(self) -> None:
        await self.communicator.disconnect(timeout=10)

    def cancel(self) -> None:
        self.communicator.future.cancel()


async def client_of(consumer_class: Any, *rooms: str, user: Any = None, data: Any = None) -> Client:
    """Returns a client whose consumer has joined ``rooms``."""
    client = Client(consumer_class, user)
    await client.connect()
    for room in rooms:
        await client("join_room", room, data)
    return client


def process() -> registry.Registration:
    """Returns the server process that this event loop is."""
    return registry.registration(asyncio.get_running_loop(), "default")


async def beat() -> None:
    """Sends a beat of this loop, and runs the comparison and the review that follow it."""
    here = live_loop.current().database("default")
    assert await in_thread(process().beat)
    await here.reviewer.review(await here.heartbeat.compare())


async def happened(*, touches: bool = False) -> list[str]:
    """Returns the kinds and rooms of the events of connections and rooms in the log."""
    events = PresenceEvent.objects.of_rooms().order_by("id")
    return [f"{event.kind} {event.room}" async for event in events if touches or event.kind != "touch"]


async def present() -> list[tuple[str, str]]:
    return sorted([stay async for stay in Presence.objects.values_list("room_id", "channel_name")])


@database_sync_to_async
def end_elsewhere(kind: str, room: str, client: Client) -> None:
    """Ends a stay as another process would: this process is not notified."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)", [kind, room, client.channel]
        )


async def fall_silent(client: Client, seconds: float = 61) -> None:
    """Lets ``seconds`` pass without a sign of life, for the database and for this process."""
    await sync_to_async(age_presences)(client.channel, seconds=seconds)
    connection = client.consumer._presence
    connection.mark_seen(connection.stays(), Stopwatch(ago=seconds))


async def reviews_done() -> None:
    """Returns when the reviews of prunes that this process recorded are done."""
    await asyncio.sleep(0)
    await until(lambda: not live_loop.current().tasks)


def in_group(client: Client, room: str) -> bool:
    return client.channel in get_channel_layer().groups.get(room, {})
