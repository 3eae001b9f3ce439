"""Runs the leaves of consumers that end, and waits for all of them while a server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

__all__ = ["DRAIN_TIMEOUT", "POLL_INTERVAL", "Drain"]

DRAIN_TIMEOUT = 5.0
"""Seconds that a drain waits for cancelled consumers to start their leaves. It waits for leaves in progress until these
are done, however long they take."""

POLL_INTERVAL = 0.01
"""Seconds between two checks for cancelled consumers."""


class Drain:
    """The leaves in progress in one event loop. ``is_expecting`` returns whether more consumers are about to leave."""

    def __init__(self, is_expecting: Callable[[], bool]) -> None:
        self._is_expecting = is_expecting
        self._leaves: set[asyncio.Task[None]] = set()
        self._draining: asyncio.Task[None] | None = None

    async def run(self, leave: Coroutine[Any, Any, Any], *, cancelled: bool) -> None:
        """Runs ``leave``, which records the leaves of one consumer.

        If the server ``cancelled`` the consumer, this also waits for the leaves of all other consumers: daphne cancels
        every consumer when it stops, and exits as soon as one of them has ended.
        """
        # The context of the consumer is unusable if it was cancelled while its thread waited for the loop: then it
        # refers to an executor that runs nothing any more.
        task = asyncio.get_running_loop().create_task(leave, context=Context())
        self._leaves.add(task)
        task.add_done_callback(self._leaves.discard)
        await asyncio.shield(task)
        if cancelled:
            await self.wait()

    async def wait(self) -> None:
        """Returns when all consumers that are leaving, or are cancelled and about to leave, have left.

        Concurrent callers share one wait. Cancelled consumers that do not start to leave are waited for no longer than
        `DRAIN_TIMEOUT`.
        """
        if self._draining is None and (self._leaves or self._is_expecting()):
            self._draining = asyncio.get_running_loop().create_task(self._wait_for_leaves())
        if self._draining is not None:
            await asyncio.shield(self._draining)

    async def _wait_for_leaves(self) -> None:
        try:
            for _ in range(int(DRAIN_TIMEOUT / POLL_INTERVAL)):
                if self._leaves:
                    await asyncio.wait(self._leaves.copy())
                elif self._is_expecting():
                    await asyncio.sleep(POLL_INTERVAL)
                else:
                    break
        finally:
            self._draining = None
