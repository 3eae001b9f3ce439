from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from projections.decorators import remove_presence, touch_presence
from projections.models import Room

NOBODY = 4401
"""Close code: there is no session, so ask for a name first."""
ENDED = 4408
"""Close code: the stay was ended from outside, most likely by pruning. A connection that is alive may come back."""
MADE_TO_LEAVE = 4403
"""Close code: an operator made this connection leave, in the admin. It stays away until somebody wants to come back."""
MAX_LENGTH = 1000
"""The longest message, in characters."""


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """One tab in one room.

    The browser sends ``{"text": ...}`` for a message, and the string ``"heartbeat"`` while there is nothing to say.
    """

    room = ""

    async def connect(self) -> None:
        await self.accept()
        user = self.scope["user"]
        if not user.is_authenticated:
            await self.close(NOBODY)
            return
        self.room = self.scope["url_route"]["kwargs"]["name"]
        await Room.objects.aadd(self.room, self.channel_name, user)

    @touch_presence
    async def receive_json(self, content: Any) -> None:
        match content:
            case {"text": str(text)} if self.room and text.strip():
                message = {"name": self.scope["user"].get_username(), "text": text.strip()[:MAX_LENGTH]}
                await self.channel_layer.group_send(self.room, {"type": "chat.message", "message": message})

    @remove_presence
    async def disconnect(self, code: int) -> None:
        pass

    async def chat_message(self, event: dict[str, Any]) -> None:
        """Somebody said something."""
        await self.send_json({"type": "message", **event["message"]})

    async def chat_presence(self, event: dict[str, Any]) -> None:
        """Somebody came or went."""
        await self.send_json({"type": "presence", **event["presence"]})

    async def chat_ended(self, event: dict[str, Any]) -> None:
        """This connection is no longer in the room, and has not noticed."""
        await self.close(MADE_TO_LEAVE if event["by_operator"] else ENDED)
