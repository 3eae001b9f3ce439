"""Turns: what concerns the same room is announced in the order in which it was recorded, in one event loop.

A turn is taken in the order of the log, and holds up nothing but later turns of the same rooms: neither recording, nor
touches, nor other rooms.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar

__all__ = ["TURN_TIMEOUT", "RoomOrder", "Turn", "current"]

logger = logging.getLogger(__name__)

TURN_TIMEOUT = 10.0
"""Seconds that a turn waits for the one before it. A receiver that hangs delays its room, and does not stop it."""

current: ContextVar[frozenset[Turn]] = ContextVar("current", default=frozenset())
"""The turns in which this code runs: what a receiver records does not wait for the turn that calls the receiver."""


class RoomOrder:
    """The turns of each room that are not over, in one event loop."""

    def __init__(self) -> None:
        self._last: dict[str, set[Turn]] = {}

    def take(self, rooms: set[str], within: frozenset[Turn] = frozenset()) -> Turn:
        """The next turn of all ``rooms``, asked for inside the turns ``within``. It must be entered.

        It does not wait for these, nor for who waits for them.
        """
        last = {turn for room in rooms for turn in self._last.get(room, ())}
        skipped = {turn for turn in last if turn.waits_for(within)}
        turn = Turn(self, rooms, last - skipped, within)
        for room in rooms:
            # Who comes next waits for those who were skipped, too.
            self._last[room] = {turn} | (self._last.get(room, set()) & skipped)
        return turn

    def end(self, turn: Turn, rooms: set[str]) -> None:
        for room in rooms:
            if room in self._last:
                self._last[room].discard(turn)
                if not self._last[room]:
                    del self._last[room]


class Turn:
    """An asynchronous context manager, entered when the turns before it are over."""

    def __init__(self, turns: RoomOrder, rooms: set[str], before: set[Turn], within: frozenset[Turn]) -> None:
        self._turns = turns
        self._rooms = rooms
        self._before = before
        self._within = within
        self._over = asyncio.Event()

    def waits_for(self, those: frozenset[Turn]) -> bool:
        """Whether it is one of ``those``, or waits for one, or for one that does."""
        seen: set[Turn] = set()
        ahead = {self} if those else set()
        while ahead:
            turn = ahead.pop()
            if turn in those:
                return True
            seen.add(turn)
            ahead |= turn._before - seen
        return False

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                for turn in tuple(self._before):
                    await turn._over.wait()
        except TimeoutError:
            logger.error("What was announced before to %s takes more than %s s", sorted(self._rooms), TURN_TIMEOUT)
        except BaseException:
            self._end()
            raise
        self._before = set()
        self._token = current.set(self._within | {self})

    async def __aexit__(self, *error: object) -> None:
        current.reset(self._token)
        self._end()

    def _end(self) -> None:
        self._before = set()
        self._over.set()
        self._turns.end(self, self._rooms)
