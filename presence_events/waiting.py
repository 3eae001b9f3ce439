"""Who waits for a flush, and who goes next."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from presence_events import turns
from presence_events.drafts import Selection
from presence_events.exceptions import NotRecordedInTime

__all__ = ["LARGE", "SMALL", "Line", "Waiting"]

SMALL, LARGE = 64, 1_000
"""A flush takes half of those who wait: the database writes them while the loop deals with the half before. It is about
so many connections at least, if there are as many, or it is not worth the trip; and at most, or the next waits long."""


class Waiting:
    """A selection on its way into the log, and the answer that somebody waits for."""

    __slots__ = ("_answer", "deadline", "error", "quiet", "recorded", "selection", "within", "written")

    def __init__(self, selection: Selection, quiet: bool, deadline: float, answer: asyncio.Future[list[Any]]) -> None:
        self.selection = selection
        self.quiet = quiet
        self.deadline = deadline
        self.within = turns.current.get()
        self.recorded: list[Any] = []
        self.error: Exception | None = None
        self.written = False
        self._answer = answer

    def settle(self) -> None:
        """Answers with what was recorded, or with the error."""
        if self._answer.done():  # it was given up, or whoever waited was cancelled
            return
        if self.error is None:
            self._answer.set_result(self.recorded)
        else:
            self._answer.set_exception(self.error)

    def give_up(self) -> None:
        """Answers that it took too long."""
        if not self._answer.done():
            error = NotRecordedInTime("" if self.error is None else f"The database said: {self.error}")
            error.__cause__ = self.error
            self._answer.set_exception(error)


class Line:
    """First come, first served, as far as the order of each connection asks for it."""

    def __init__(self) -> None:
        self._waiting: deque[Waiting] = deque()
        self._held: deque[Waiting] = deque()
        self._held_is_next = False

    def __bool__(self) -> bool:
        return bool(self._waiting or self._held)

    def append(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def put_back(self, batch: list[Waiting]) -> None:
        """They were taken first, and so are first again."""
        self._waiting.extendleft(reversed(batch))

    def hold(self, batch: list[Waiting]) -> None:
        """They wait for locks: from now on they go alone, by turns with the others."""
        self._held.extend(batch)

    def take(self) -> list[Waiting]:
        """The oldest, and all that may go with it: nothing about a connection that is in it, or held, already."""
        claims: dict[str, set[str | None]] = {}
        for held in self._held:
            _claim(held.selection, claims)
        batch: list[Waiting] = []
        passed_over: list[Waiting] = []
        size = max(SMALL, min(LARGE, len(self._waiting) // 2))
        while self._waiting and len(claims) < size and not self._held_is_next:
            if not self._waiting[0].selection.keys:
                if not batch and not passed_over:
                    batch.append(self._waiting.popleft())
                break
            waiting = self._waiting.popleft()
            (batch if _claim(waiting.selection, claims) else passed_over).append(waiting)
        self.put_back(passed_over)
        self._held_is_next = bool(batch and self._held)
        return batch or [self._held.popleft()]

    def expire(self, now: float) -> list[Waiting]:
        """Takes out those whose time is over."""
        expired = [held for held in self._held if held.deadline <= now]
        self._held = deque(held for held in self._held if held.deadline > now)
        while self._waiting and self._waiting[0].deadline <= now:
            expired.append(self._waiting.popleft())
        return expired

    def blame(self, error: Exception) -> None:
        """``error`` is why they all still wait."""
        for waiting in (*self._waiting, *self._held):
            waiting.error = error


def _claim(selection: Selection, claims: dict[str, set[str | None]]) -> bool:
    """Whether ``selection`` is about other connections than those claimed so far. From now on its own are, too."""
    free = True
    for room, channel_name in selection.keys:
        rooms = claims.get(channel_name)
        if rooms and (room is None or room in rooms or None in rooms):
            free = False
    for room, channel_name in selection.keys:
        claims.setdefault(channel_name, set()).add(room)
    return free
