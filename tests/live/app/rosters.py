"""Consumers whose clients follow the roster of the room in ``?room=``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from projections.consumers import AsyncPresenceMixin
from projections.rosters import Member, Roster


class Names(Roster):
    def serialize(self, members: Sequence[Member]) -> Mapping[str, dict[str, Any]]:
        return {member.id: {"name": member.user.get_username(), **member.data} for member in members}


class DiscreetNames(Names):
    """Shows people whose data says that they are invisible to staff only."""

    def view(self, scope: Any) -> str:
        return "staff" if scope["user"].is_staff else "public"

    def show(self, member: Member, view: Any) -> dict[str, Any] | None:
        if member.data.get("invisible") and view != "staff":
            return None
        return super().show(member, view)


class RosterConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    """Joins with the data in ``?data=``, if there is any. A message of the client is its new data."""

    presence_roster = Names(grace=1)

    async def connect(self) -> None:
        query = parse_qs(self.scope["query_string"].decode())
        await self.accept()
        await self.join_room(query["room"][0], json.loads(query["data"][0]) if "data" in query else None)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.touch_presence(content)

    async def tell(self, message: Any) -> None:
        """Ignores what the receivers of this project send to rooms."""


class PatientRosterConsumer(RosterConsumer):
    """Its grace is longer than any reload and any restart takes on a busy machine."""

    presence_roster = Names(grace=60)


class DiscreetRosterConsumer(RosterConsumer):
    presence_roster = DiscreetNames(grace=0)
