"""Rosters of consumers: what a client receives over its socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.testing import WebsocketCommunicator
from django.contrib.auth import get_user_model

from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.rosters import Roster

pytestmark = pytest.mark.django_db(transaction=True)


class Names(Roster):
    def serialize(self, members: Any) -> Any:
        return {member.id: {"name": member.user.get_username(), **member.data} for member in members}


class AsyncLobby(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    presence_roster = Names(grace=0)

    async def connect(self) -> None:
        await self.accept()
        await self.join_room("lobby")

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.touch_presence(content)


class SyncLobby(PresenceMixin, JsonWebsocketConsumer):
    presence_roster = Names(grace=0)

    def connect(self) -> None:
        self.accept()
        self.join_room("lobby")

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        self.touch_presence(content)


both = pytest.mark.parametrize("lobby", [AsyncLobby, SyncLobby])


async def new_user(name: str) -> Any:
    return await sync_to_async(get_user_model()._default_manager.create_user)(name)


class Page:
    """A page whose client speaks the protocol by hand."""

    def __init__(self, consumer: Any, user: Any) -> None:
        self.socket = WebsocketCommunicator(consumer.as_asgi(), "/")
        self.socket.scope["user"] = user

    async def open(self, mark: str | None = None) -> Any:
        await self.socket.connect(timeout=10)
        await self.ask(mark)
        return await self.next()

    async def ask(self, mark: str | None = None) -> None:
        await self.socket.send_to(
            text_data=json.dumps({"type": "presence.follow", "version": 1, "room": "lobby", "mark": mark})
        )

    async def next(self) -> Any:
        return json.loads(await self.socket.receive_from(timeout=10))


@both
async def test_a_client_gets_the_people_and_then_what_changes(lobby: Any) -> None:
    ada, bo = await new_user("ada"), await new_user("bo")
    first = Page(lobby, ada)
    snapshot = await first.open()
    assert snapshot["type"] == "presence.snapshot"
    assert [member["info"] for member in snapshot["members"]] == [{"name": "ada"}]
    second = Page(lobby, bo)
    assert [member["id"] for member in (await second.open())["members"]] == [str(ada.pk), str(bo.pk)]
    joined = await first.next()
    assert joined["before"] == snapshot["mark"]
    assert [member["info"] for member in joined["joined"]] == [{"name": "bo"}]
    await second.socket.send_json_to({"status": "away"})
    updated = await first.next()
    assert [member["info"] for member in updated["updated"]] == [{"name": "bo", "status": "away"}]
    await second.socket.disconnect()
    left = await first.next()
    assert (left["left"], left["people"], left["before"]) == ([str(bo.pk)], 1, updated["mark"])
    await first.socket.disconnect()
