"""What the ASGI module of a site has: a consumer, and the application."""

from __future__ import annotations

from channels.generic.websocket import AsyncWebsocketConsumer

from projections.consumers import AsyncPresenceMixin


class SiteConsumer(AsyncPresenceMixin, AsyncWebsocketConsumer):
    pass


application = SiteConsumer.as_asgi()
