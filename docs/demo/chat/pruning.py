"""Pruning beside the application, in its process: the in-memory channel layer reaches no other."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.db import Error

from projections.models import Room

EVERY = 2.0
"""Seconds between two rounds."""

logger = logging.getLogger(__name__)


class PruneMeanwhile:
    """Wraps an ASGI application and prunes while it runs.

    It begins with the first connection, since daphne does not tell applications that it starts.
    """

    def __init__(self, application: Any) -> None:
        self.application = application
        self.task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self.task is None:
            self.task = asyncio.create_task(prune_forever())
        await self.application(scope, receive, send)


async def prune_forever() -> None:
    """Prunes, again and again. A database that does not answer is asked again in the next round."""
    while True:
        try:
            await Room.objects.aprune_presences()
        except Error:
            logger.exception("Pruning failed")
        await asyncio.sleep(EVERY)
