"""No more than so many are inside; the others wait outside, and come in as they came."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Admission"]


class Admission:
    """Used by one event loop. Like ``asyncio.Semaphore``, which takes quadratic time when many leave at once."""

    def __init__(self, bound: int) -> None:
        self._free = bound
        self._outside: deque[asyncio.Future[None]] = deque()

    def try_enter(self) -> bool:
        """Whether one could, and has. Nobody overtakes those who wait: as long as there are any, nothing is free."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def enter(self, deadline: float) -> None:
        """Waits until one may. Raises TimeoutError if ``deadline``, by the loop's clock, comes first."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._outside.append(place)
        try:
            async with asyncio.timeout_at(deadline):
                await place
        except BaseException:
            if place.done() and not place.cancelled():  # let in at the very last moment
                self.leave()
            raise

    def leave(self) -> None:
        while self._outside:
            place = self._outside.popleft()
            if not place.done():
                place.set_result(None)
                return
        self._free += 1
