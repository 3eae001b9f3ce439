"""Consumers with the presence mixins, and what the tests of these and of the heartbeats do to them."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.db import connection

from presence_events.models import PresenceEvent
from projections._live import heartbeat
from projections._live.stopwatch import Stopwatch
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.models import Presence
from tests.time import age_presences


class AsyncChat(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send_json(self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        await self.send_json(await getattr(self, method)(*arguments))

    async def fail(self) -> None:
        raise OSError("the client is gone")


class SyncChat(PresenceMixin, JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.send_json(self.channel_name)

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        method, *arguments = content
        self.send_json(getattr(self, method)(*arguments))

    def fail(self) -> None:
        raise OSError("the client is gone")


class AsyncSelfReliant(AsyncChat):
    presence_heartbeat = False


class SyncSelfReliant(SyncChat):
    presence_heartbeat = False


CHATS = [AsyncChat, SyncChat]
SELF_RELIANT = [AsyncSelfReliant, SyncSelfReliant]


class Client:
    """A connection to a consumer: ``await client("join_room", "lobby")`` has it call its method and say the answer."""

    def __init__(self, consumer_class: Any, user: Any = None) -> None:
        self.consumer: Any = consumer_class()
        self.communicator = WebsocketCommunicator(self.consumer, "/")
        self.communicator.scope["user"] = user
        self.channel = ""

    async def connect(self) -> None:
        assert (await self.communicator.connect(10))[0]
        self.channel = await self.communicator.receive_json_from(10)

    async def __call__(self, method: str, *arguments: Any) -> Any:
        await self.say(method, *arguments)
        return await self.communicator.receive_json_from(10)

    async def say(self, method: str, *arguments: Any) -> None:
        """Without waiting for the answer."""
        await self.communicator.send_json_to([method, *arguments])

    async def closed_with(self) -> int:
        """The code with which the consumer closes: nothing else may come before."""
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
    """A client whose consumer has joined ``rooms``."""
    client = Client(consumer_class, user)
    await client.connect()
    for room in rooms:
        await client("join_room", room, data)
    return client


async def beat() -> None:
    """A whole heartbeat of this loop, and what follows from it."""
    heart = heartbeat.of_running_loop()
    await heart.look_into_missing(*await heart.touch_everyone())


async def happened(*, touches: bool = False) -> list[str]:
    """The kinds and rooms of the log."""
    events = PresenceEvent.objects.order_by("id")
    return [f"{event.kind} {event.room}" async for event in events if touches or event.kind != "touch"]


async def present() -> list[tuple[str, str]]:
    return sorted([stay async for stay in Presence.objects.values_list("room_id", "channel_name")])


@database_sync_to_async
def end_elsewhere(kind: str, room: str, client: Client) -> None:
    """Another process ends a stay: nobody here hears of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)", [kind, room, client.channel]
        )


async def fall_silent(client: Client, seconds: float = 61) -> None:
    """So many seconds pass in which nobody says that it is there: neither it nor its process."""
    await sync_to_async(age_presences)(client.channel, seconds=seconds)
    connection = client.consumer._presence
    connection.was_seen(connection.stays(), Stopwatch(ago=seconds))
