"""A consumer whose clients follow the roster of the room in ``?room=``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from projections.consumers import AsyncPresenceMixin
from projections.rosters import Member, Roster


class Names(Roster):
    def serialize(self, members: Sequence[Member]) -> Mapping[str, dict[str, Any]]:
        return {member.id: {"name": member.user.get_username(), **member.data} for member in members}


class RosterConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    """A message of the client is its new data."""

    presence_roster = Names(grace=1)

    async def connect(self) -> None:
        await self.accept()
        await self.join_room(parse_qs(self.scope["query_string"].decode())["room"][0])

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.touch_presence(content)

    async def tell(self, message: Any) -> None:
        """Ignores what the receivers of this project send to rooms."""
