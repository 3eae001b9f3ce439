"""The consumer of the chat. It uses the decorators, because its clients send their own heartbeats."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from projections.decorators import remove_presence, touch_presence
from projections.models import Room

NOT_LOGGED_IN = 4401
"""Close code: the visitor has not logged in. The browser asks for a name."""

ENDED = 4408
"""Close code: another process ended the stay, usually by pruning. The browser may connect again."""

REMOVED = 4403
"""Close code: an operator made this connection leave in the admin. The browser connects again only on a click."""

MAX_MESSAGE_CHARS = 1000


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """One tab in one room.

    The browser sends ``{"text": ...}`` for a message, and the string ``"heartbeat"`` in between.
    """

    room = ""

    async def connect(self) -> None:
        await self.accept()
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(NOT_LOGGED_IN)
            return
        self.room = self.scope["url_route"]["kwargs"]["name"]
        await Room.objects.aadd(self.room, self.channel_name, user)

    @touch_presence
    async def receive_json(self, content: Any) -> None:
        match content:
            case {"text": str(text)} if self.room and text.strip():
                message = {"name": self.scope["user"].get_username(), "text": text.strip()[:MAX_MESSAGE_CHARS]}
                await self.channel_layer.group_send(self.room, {"type": "chat.message", "message": message})

    @remove_presence
    async def disconnect(self, code: int) -> None:
        pass

    async def chat_message(self, event: dict[str, Any]) -> None:
        """Sends a message of the room to the browser."""
        await self.send_json({"type": "message", **event["message"]})

    async def chat_presence(self, event: dict[str, Any]) -> None:
        """Sends a change of presence to the browser."""
        await self.send_json({"type": "presence", **event["presence"]})

    async def chat_ended(self, event: dict[str, Any]) -> None:
        """Closes the socket after this connection was removed from the room."""
        await self.close(REMOVED if event["by_operator"] else ENDED)
