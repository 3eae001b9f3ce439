"""Prunes in the process of the application, because the in-memory channel layer reaches no other process."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.db import Error

from projections.models import Room

PRUNE_INTERVAL = 2.0
"""Seconds between two prunes."""

logger = logging.getLogger("chat.pruning")


class PruningMiddleware:
    """Wraps an ASGI application and prunes while it runs.

    Pruning begins with the first connection, because daphne sends no event when it starts.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.task is None:
            self.task = asyncio.create_task(prune_repeatedly())
        await self.application(scope, receive, send)


async def prune_repeatedly() -> None:
    """Prunes until it is cancelled. If the database is unavailable, the next round tries again."""
    while True:
        try:
            await Room.objects.aprune_presences()
        except Error:
            logger.exception("Pruning failed")
        await asyncio.sleep(PRUNE_INTERVAL)
