"""Pages that follow a roster over the socket of a consumer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from django.contrib.auth import get_user_model

from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.rosters import Roster
from projections.testing import RosterClient
from tests.communicator import WebsocketCommunicator
from tests.waiting import until

__all__ = ["AsyncLobby", "Names", "Page", "SyncLobby", "new_user", "roster_of"]


class Names(Roster):
    """Shows the name of each user, and the data of their connections."""

    def serialize(self, members: Any) -> Any:
        return {member.id: {"name": member.user.get_username(), **member.data} for member in members}


class AsyncLobby(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    """Joins the room of its path. A message of the client is new data, or calls a method."""

    presence_roster = Names(grace=0)

    async def connect(self) -> None:
        await self.accept()
        room = self.scope["path"].strip("/")
        if room:
            await self.join_room(room)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        if "call" in content:
            await getattr(self, content["call"])(content["room"])
            await self.send_json({"called": content["call"]})
        else:
            await self.touch_presence(content)


class SyncLobby(PresenceMixin, JsonWebsocketConsumer):
    presence_roster = Names(grace=0)

    def connect(self) -> None:
        self.accept()
        room = self.scope["path"].strip("/")
        if room:
            self.join_room(room)

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        if "call" in content:
            getattr(self, content["call"])(content["room"])
            self.send_json({"called": content["call"]})
        else:
            self.touch_presence(content)


def roster_of(lobby: Any, roster: Roster) -> Any:
    """Returns the consumer class ``lobby`` with another roster."""
    return type(lobby.__name__, (lobby,), {"presence_roster": roster})


async def new_user(name: str) -> Any:
    return await sync_to_async(get_user_model()._default_manager.create_user)(name)


class Page:
    """A page in a browser: a client of the protocol, and the socket that it has now.

    ``messages`` are those of the protocol that arrived, and ``others`` the rest.
    """

    def __init__(self, lobby: Any, user: Any = None, room: str = "lobby") -> None:
        self.client = RosterClient(room, self._send)
        self.messages: list[dict[str, Any]] = []
        self.others: list[Any] = []
        self._lobby = lobby
        self._user = user
        self._room = room
        self._tasks: list[asyncio.Future[Any]] = []
        self.socket: Any = None
        self.closed: Any = None

    async def open(self, path: str | None = None, *, follow: bool = True) -> Page:
        """Connects, follows the roster, and waits for the first answer."""
        self.socket = WebsocketCommunicator(self._lobby.as_asgi(), f"/{self._room if path is None else path}")
        self.socket.scope["user"] = self._user
        await self.socket.connect(timeout=10)
        self._tasks = [asyncio.ensure_future(self._read())]
        if follow:
            count = len(self.messages)
            self.client.follow()
            await until(lambda: len(self.messages) > count or self.closed or self._tasks[0].done())
            assert len(self.messages) > count, (self.closed, self._tasks[0])
        return self

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.socket.disconnect(timeout=10)

    async def call(self, method: str, room: str) -> None:
        """Calls a method of the consumer with ``room``, and waits until it has returned."""
        count = len(self.others)
        await self.socket.send_json_to({"call": method, "room": room})
        await until(lambda: len(self.others) > count)

    def names(self) -> list[str]:
        """Returns the names of the people that the page shows, and empty text for those without a name."""
        return [member.get("info", {}).get("name", "") for member in self.client.members.values()]

    def _send(self, message: dict[str, Any]) -> None:
        self._tasks.append(asyncio.ensure_future(self.socket.send_to(text_data=json.dumps(message))))

    async def _read(self) -> None:
        while True:
            output = await self.socket.output_queue.get()
            if output["type"] != "websocket.send":
                self.closed = output
                continue
            message = json.loads(output["text"])
            is_ours = self.client.receive(message)
            (self.messages if is_ours else self.others).append(message)
