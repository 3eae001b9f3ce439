"""The ASGI application. Its consumers carry out the requests of clients, and answer each when it is done."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

from asgiref.sync import async_to_sync
from autobahn.exception import Disconnected
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

http = get_asgi_application()

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import AnonymousUser  # noqa: E402

from projections.consumers import AsyncPresenceMixin, PresenceMixin  # noqa: E402

# What uvicorn and daphne raise when a consumer sends to a closed connection.
DISCONNECTED = (OSError, Disconnected)


class AsyncConsumer(AsyncPresenceMixin, AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await self.accept()
        await self.send_json({"channel": self.channel_name})

    async def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        answer = None
        match content["do"]:
            case "join":
                await self.join_room(content["room"], {"number": content["number"]})
            case "leave":
                await self.leave_room(content["room"])
            case "touch":
                answer = await self.touch_presence({"number": content["number"]})
            case "send":
                await self.channel_layer.group_send(content["room"], {"type": "chat", "number": content["number"]})
        await self.send_json({"number": content["number"], "answer": answer})

    async def chat(self, message: dict[str, Any]) -> None:
        await self.send_json({"received": message["number"]})

    async def send_json(self, *args: Any, **kwargs: Any) -> None:
        """Ignores a closed connection. Channels does not call ``send`` of the subclass."""
        with suppress(*DISCONNECTED):
            await super().send_json(*args, **kwargs)


class SyncConsumer(PresenceMixin, JsonWebsocketConsumer):
    def connect(self) -> None:
        self.accept()
        self.send_json({"channel": self.channel_name})

    def receive_json(self, content: dict[str, Any], **kwargs: Any) -> None:
        answer = None
        match content["do"]:
            case "join":
                self.join_room(content["room"], {"number": content["number"]})
            case "leave":
                self.leave_room(content["room"])
            case "touch":
                answer = self.touch_presence({"number": content["number"]})
            case "send":
                message = {"type": "chat", "number": content["number"]}
                async_to_sync(self.channel_layer.group_send)(content["room"], message)
        self.send_json({"number": content["number"], "answer": answer})

    def chat(self, message: dict[str, Any]) -> None:
        self.send_json({"received": message["number"]})

    def send_json(self, *args: Any, **kwargs: Any) -> None:
        with suppress(*DISCONNECTED):
            super().send_json(*args, **kwargs)


class UserFromQuery:
    """Takes the user from ``?user=<name>`` without a login, which these tests do not cover."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        names = parse_qs(scope["query_string"].decode()).get("user")
        user = await _user(names[0]) if names else AnonymousUser()
        await self.inner({**scope, "user": user}, receive, send)


@database_sync_to_async
def _user(name: str) -> Any:
    return get_user_model()._default_manager.get_by_natural_key(name)


sockets = URLRouter([path("sync/", SyncConsumer.as_asgi()), path("async/", AsyncConsumer.as_asgi())])
application = ProtocolTypeRouter({"http": http, "websocket": UserFromQuery(sockets)})
