"""Who waits for a flush, and who goes next."""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Lock
from typing import Any

from presence_events._recording import room_order
from presence_events._recording.drafts import Selection
from presence_events._recording.statement import Row
from presence_events.exceptions import NotRecordedInTime

__all__ = ["MAX_BATCH", "MIN_BATCH", "PendingWrite", "WriteQueue"]

MIN_BATCH, MAX_BATCH = 64, 1_000
"""A flush takes half of those who wait: the database writes them while the loop deals with the half before. It is about
so many connections at least, if there are as many, or it is not worth the trip; and at most, or the next waits long."""


class PendingWrite:
    """A selection on its way into the log, and the answer that somebody waits for."""

    __slots__ = ("_answer", "deadline", "error", "quiet", "rows", "selection", "within", "written")

    def __init__(self, selection: Selection, quiet: bool, deadline: float, answer: asyncio.Future[list[Any]]) -> None:
        self.selection = selection
        self.quiet = quiet
        self.deadline = deadline
        self.within = room_order.current.get()
        self.rows: list[Row] = []
        self.error: Exception | None = None
        self.written = False
        self._answer = answer

    def answer(self, recorded: list[Any]) -> None:
        if not self._answer.done():  # it was given up, or whoever waited was cancelled
            self._answer.set_result(recorded)

    def fail(self, error: Exception) -> None:
        if not self._answer.done():
            self._answer.set_exception(error)

    def give_up(self) -> None:
        error = NotRecordedInTime("" if self.error is None else f"The database said: {self.error}")
        error.__cause__ = self.error
        self.fail(error)


class WriteQueue:
    """First come, first served, as far as the order of each connection asks for it.

    Used by an event loop, which appends, and by the thread that writes for it, which takes.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._served = False
        self._waiting: deque[PendingWrite] = deque()
        self._taken: list[PendingWrite] = []
        self._held: deque[PendingWrite] = deque()
        self._held_is_next = False

    @property
    def served(self) -> bool:
        """Whether somebody takes what is appended, or will when the database is back."""
        return self._served

    def append(self, waiting: PendingWrite) -> bool:
        """Returns whether somebody has to begin to `take`, and go on until nobody is left."""
        with self._lock:
            self._waiting.append(waiting)
            begins, self._served = not self._served, True
            return begins

    def take(self) -> list[PendingWrite]:
        """The oldest, and all that may go with it: nothing about a connection that is in it, or held, already.

        Those taken before have been dealt with. An empty list says that nobody waits, and ends the service.
        """
        with self._lock:
            self._taken = self._next()
            self._served = bool(self._taken)
            return self._taken

    def put_back(self, batch: list[PendingWrite], error: Exception) -> None:
        """They are first again; and ``error`` is why everybody still waits."""
        with self._lock:
            self._taken = []
            self._waiting.extendleft(reversed(batch))
            for waiting in (*self._waiting, *self._held):
                waiting.error = error

    def hold(self, batch: list[PendingWrite]) -> None:
        """They wait for locks: from now on they go alone, by turns with the others."""
        with self._lock:
            self._held.extend(batch)

    def expire(self, now: float) -> tuple[list[PendingWrite], list[PendingWrite]]:
        """Takes out those whose time is over. Returns them, and those taken whose time is over too."""
        with self._lock:
            expired = [held for held in self._held if held.deadline <= now]
            self._held = deque(held for held in self._held if held.deadline > now)
            while self._waiting and self._waiting[0].deadline <= now:
                expired.append(self._waiting.popleft())
            return expired, [taken for taken in self._taken if taken.deadline <= now]

    def _next(self) -> list[PendingWrite]:
        claims: dict[str, set[str | None]] = {}
        for held in self._held:
            _claim(held.selection, claims)
        batch: list[PendingWrite] = []
        passed_over: list[PendingWrite] = []
        size = len(claims) + max(MIN_BATCH, min(MAX_BATCH, len(self._waiting) // 2))
        while self._waiting and len(claims) < size and not (self._held_is_next and self._held):
            if not self._waiting[0].selection.keys:
                if not batch:  # who was passed over waits for one that is held
                    batch.append(self._waiting.popleft())
                break
            waiting = self._waiting.popleft()
            (batch if _claim(waiting.selection, claims) else passed_over).append(waiting)
        self._waiting.extendleft(reversed(passed_over))
        self._held_is_next = bool(batch and self._held)
        if not batch and self._held:
            batch.append(self._held.popleft())
        return batch


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
