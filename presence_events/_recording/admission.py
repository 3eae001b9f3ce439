"""Limits how many callers of an event loop may have a pending write. The rest wait in first-in, first-out order."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Admission"]


class Admission:
    """Like ``asyncio.Semaphore``, which takes quadratic time when many callers release it at once.

    An instance belongs to one event loop. It is not thread-safe.
    """

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: deque[asyncio.Future[None]] = deque()

    def try_acquire(self) -> bool:
        """Acquires a slot if one is free. Returns whether it did.

        It never overtakes a waiting caller: while callers wait, no slot is free.
        """
        if not self._free:
            return False
        self._free -= 1
        return True

    async def acquire(self, deadline: float) -> None:
        """Waits for a slot. Raises TimeoutError if ``deadline``, a time of the loop's clock, comes first."""
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(slot)
        try:
            async with asyncio.timeout_at(deadline):
                await slot
        except BaseException:
            if slot.done() and not slot.cancelled():  # granted at the same time
                self.release()
            raise

    def release(self) -> None:
        """Passes the slot to the caller that has waited longest, or frees it."""
        while self._waiting:
            slot = self._waiting.popleft()
            if not slot.done():
                slot.set_result(None)
                return
        self._free += 1
