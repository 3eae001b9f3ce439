"""Turns: what concerns the same room is announced in the order in which it was recorded, in one event loop.

A turn is taken in the order of the log, and holds up nothing but later turns of the same rooms: neither recording, nor
touches, nor other rooms.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar

__all__ = ["PATIENCE", "Turn", "Turns", "current"]

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a turn waits for the one before it. A receiver that hangs delays its room, and does not stop it."""

current: ContextVar[frozenset[asyncio.Event]] = ContextVar("current", default=frozenset())
"""The turns in which this code runs: what a receiver records does not wait for the turn that calls the receiver."""


class Turns:
    """The last turn of each room, in one event loop."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Event] = {}

    def take(self, rooms: set[str], within: frozenset[asyncio.Event] = frozenset()) -> Turn:
        """The next turn of all ``rooms``, asked for inside the turns ``within``. It must be entered."""
        over = asyncio.Event()
        before = {self._last[room] for room in rooms if room in self._last}
        self._last.update(dict.fromkeys(rooms, over))
        return Turn(self, rooms, before - within, within, over)

    def end(self, rooms: set[str], over: asyncio.Event) -> None:
        over.set()
        for room in rooms:
            if self._last.get(room) is over:
                del self._last[room]


class Turn:
    """An asynchronous context manager, entered when the turns before it are over."""

    def __init__(
        self,
        turns: Turns,
        rooms: set[str],
        before: set[asyncio.Event],
        within: frozenset[asyncio.Event],
        over: asyncio.Event,
    ) -> None:
        self._turns = turns
        self._rooms = rooms
        self._before = before
        self._within = within
        self._over = over

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                for event in self._before:
                    await event.wait()
        except TimeoutError:
            logger.error("What was announced before to %s takes more than %s s", sorted(self._rooms), PATIENCE)
        except BaseException:
            self._turns.end(self._rooms, self._over)
            raise
        self._token = current.set(self._within | {self._over})

    async def __aexit__(self, *error: object) -> None:
        current.reset(self._token)
        self._turns.end(self._rooms, self._over)
