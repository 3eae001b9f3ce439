"""The consumer of the chat, and the list of people that its page shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from projections.consumers import AsyncPresenceMixin
from projections.rosters import Member, Roster

NOT_LOGGED_IN = 4401
"""Close code: the visitor has not logged in, or the account was deleted. The browser asks for a name."""

REMOVED = 4403
"""Close code: an operator made this connection leave in the admin. The browser connects again only on a click."""

MAX_MESSAGE_CHARS = 1000


class PeopleRoster(Roster):
    """The people in a room, with their names."""

    def serialize(self, members: Sequence[Member]) -> dict[str, dict[str, Any]]:
        return {member.id: {"name": member.name} for member in members}


class ChatConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    """One tab in one room.

    The browser sends ``{"text": ...}`` for a message. The mixin pings it, and keeps its list of people up to date.
    """

    presence_roster = PeopleRoster(grace=2)  # A reload on the same machine takes less.
    presence_ping = True
    room = ""

    async def connect(self) -> None:
        await self.accept()
        if not self.scope["user"].is_authenticated:
            await self.close(NOT_LOGGED_IN)
            return
        self.room = self.scope["url_route"]["kwargs"]["name"]
        await self.join_room(self.room)

    async def receive_json(self, content: Any) -> None:
        match content:
            case {"text": str(text)} if self.room and text.strip():
                message = {"name": self.scope["user"].get_username(), "text": text.strip()[:MAX_MESSAGE_CHARS]}
                await self.channel_layer.group_send(self.room, {"type": "chat.message", "message": message})

    async def chat_message(self, event: dict[str, Any]) -> None:
        """Sends a message of the room to the browser."""
        await self.send_json(event["message"])

    async def chat_removed(self, event: dict[str, Any]) -> None:
        """Closes the socket after this connection was made to leave the room."""
        await self.close(event["code"])
