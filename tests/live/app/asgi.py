"""The ASGI application."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from channels.db import database_sync_to_async
from channels.routing import ProtocolTypeRouter, URLRouter
from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
from django.core.asgi import get_asgi_application
from django.urls import path

http = ASGIStaticFilesHandler(get_asgi_application())

from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.auth.models import AnonymousUser  # noqa: E402

from tests.live.app import receivers  # noqa: E402, F401
from tests.live.app.consumers import AsyncConsumer, SyncConsumer, UnguardedConsumer  # noqa: E402
from tests.live.app.mixed import (  # noqa: E402
    AsyncMixedConsumer,
    AsyncPingingConsumer,
    SelfReliantConsumer,
    SyncMixedConsumer,
    SyncPingingConsumer,
)
from tests.live.app.rosters import DiscreetRosterConsumer, PatientRosterConsumer, RosterConsumer  # noqa: E402
from tests.open_sockets import OpenSocketCounter  # noqa: E402


class UserFromQuery:
    """Uses the user in ``?user=<key>`` without authentication, which these tests do not cover."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        keys = parse_qs(scope["query_string"].decode()).get("user")
        user = await _user(keys[0]) if keys else AnonymousUser()
        await self.inner({**scope, "user": user}, receive, send)


@database_sync_to_async
def _user(key: str) -> Any:
    return get_user_model()._default_manager.get(pk=key)


sockets = URLRouter(
    [
        path("sync/", SyncConsumer.as_asgi()),
        path("async/", AsyncConsumer.as_asgi()),
        path("unguarded/", UnguardedConsumer.as_asgi()),
        path("mixed-sync/", SyncMixedConsumer.as_asgi()),
        path("mixed-async/", AsyncMixedConsumer.as_asgi()),
        path("pinging-sync/", SyncPingingConsumer.as_asgi()),
        path("pinging-async/", AsyncPingingConsumer.as_asgi()),
        path("self-reliant/", SelfReliantConsumer.as_asgi()),
        path("roster/", RosterConsumer.as_asgi()),
        path("patient-roster/", PatientRosterConsumer.as_asgi()),
        path("discreet-roster/", DiscreetRosterConsumer.as_asgi()),
    ]
)
application = ProtocolTypeRouter({"http": http, "websocket": OpenSocketCounter(UserFromQuery(sockets))})
