"""Announces the events of each room in log order, within one event loop.

A turn is the announcement of one batch. Turns are taken in log order. A turn delays only later turns of the same rooms:
it does not delay recording, touches or other rooms.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import ContextVar

__all__ = ["TURN_TIMEOUT", "RoomOrder", "Turn", "current_turns"]

logger = logging.getLogger("presence_events.room_order")

TURN_TIMEOUT = 10.0
"""Seconds that a turn waits for earlier ones. A receiver that hangs delays its room but does not block it."""

current_turns: ContextVar[frozenset[Turn]] = ContextVar("current_turns", default=frozenset())
"""The turns that the running code is part of. Events that a receiver records do not wait for the turn that calls it."""


class RoomOrder:
    """The turns that a new turn of each room waits for, in one event loop."""

    def __init__(self) -> None:
        self._latest: dict[str, set[Turn]] = {}

    def next_turn(self, rooms: set[str], enclosing: frozenset[Turn] = frozenset()) -> Turn:
        """Returns the next turn of all ``rooms``. The caller must enter it.

        ``enclosing`` are the turns whose receivers asked for it. The new turn waits neither for them nor for turns that
        wait for them.
        """
        earlier = {turn for room in rooms for turn in self._latest.get(room, ())}
        exempt = {turn for turn in earlier if turn.depends_on(enclosing)}
        turn = Turn(self, rooms, earlier - exempt, enclosing)
        for room in rooms:
            # Later turns wait for the exempt ones as well.
            self._latest[room] = {turn} | (self._latest.get(room, set()) & exempt)
        return turn

    def remove(self, turn: Turn, rooms: set[str]) -> None:
        for room in rooms:
            if room in self._latest:
                self._latest[room].discard(turn)
                if not self._latest[room]:
                    del self._latest[room]


class Turn:
    """An asynchronous context manager that is entered when the turns before it have finished."""

    def __init__(self, order: RoomOrder, rooms: set[str], earlier: set[Turn], enclosing: frozenset[Turn]) -> None:
        self._order = order
        self._rooms = rooms
        self._earlier = earlier
        self._enclosing = enclosing
        self._finished = asyncio.Event()

    def depends_on(self, turns: frozenset[Turn]) -> bool:
        """Whether it is one of ``turns``, or waits for one of them, directly or through other turns."""
        seen: set[Turn] = set()
        to_check = {self} if turns else set()
        while to_check:
            turn = to_check.pop()
            if turn in turns:
                return True
            seen.add(turn)
            to_check |= turn._earlier - seen
        return False

    async def __aenter__(self) -> None:
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                for turn in tuple(self._earlier):
                    await turn._finished.wait()
        except TimeoutError:
            logger.error(
                "The previous announcement to %s takes more than %s s, continuing without it",
                sorted(self._rooms),
                TURN_TIMEOUT,
            )
        except BaseException:
            self.finish()
            raise
        self._earlier = set()
        self._token = current_turns.set(self._enclosing | {self})

    async def __aexit__(self, *error: object) -> None:
        current_turns.reset(self._token)
        self.finish()

    def finish(self) -> None:
        """Lets later turns begin. May be called again, and before the turn was entered."""
        self._earlier = set()
        self._finished.set()
        self._order.remove(self, self._rooms)
