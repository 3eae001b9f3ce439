"""The queue of writes that wait for a batch, and the rules by which batches are formed."""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Lock
from typing import Any

from presence_events._recording import room_order
from presence_events._recording.drafts import Selection
from presence_events.exceptions import NotRecordedInTime

__all__ = ["MAX_BATCH_SIZE", "MIN_BATCH_SIZE", "PendingWrite", "WriteQueue"]

MIN_BATCH_SIZE, MAX_BATCH_SIZE = 64, 1_000
"""Connections in a batch. A batch takes half of the pending writes, within these limits.

The database writes one half while the event loop handles the results of the other. A smaller batch is not worth its
round trip. A larger one delays the next for too long.
"""


class PendingWrite:
    """A selection that waits to be written, and the future of the caller that waits for the result.

    ``rows`` are `EventRow`, or `Recorded` if all writes of its batch are quiet.
    """

    __slots__ = ("_result", "deadline", "enclosing_turns", "error", "is_done", "quiet", "rows", "selection")

    def __init__(self, selection: Selection, quiet: bool, deadline: float, result: asyncio.Future[list[Any]]) -> None:
        self.selection = selection
        self.quiet = quiet
        self.deadline = deadline
        self.enclosing_turns = room_order.current_turns.get()
        self.rows: list[Any] = []
        self.error: Exception | None = None
        self.is_done = False
        self._result = result

    def resolve(self, recorded: list[Any]) -> None:
        if not self._result.done():  # it has timed out, or the caller was cancelled
            self._result.set_result(recorded)

    def fail(self, error: Exception) -> None:
        if not self._result.done():
            self._result.set_exception(error)

    def time_out(self) -> None:
        """Fails with `NotRecordedInTime`, which names the last error of the database."""
        error = NotRecordedInTime("" if self.error is None else f"The last error was: {self.error}")
        error.__cause__ = self.error
        self.fail(error)


class WriteQueue:
    """A first-in, first-out queue that forms batches and keeps the order of the writes of each connection.

    An event loop appends, and a thread takes batches. Every method may be called from both.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_active = False
        self._pending: deque[PendingWrite] = deque()
        self._batch: list[PendingWrite] = []
        self._deferred: deque[PendingWrite] = deque()
        self._deferred_is_next = False

    @property
    def is_active(self) -> bool:
        """Whether a thread takes batches, or will when the database is available again."""
        return self._is_active

    def append(self, write: PendingWrite) -> bool:
        """Appends ``write``. Returns whether the caller must start a thread that takes batches until it is empty."""
        with self._lock:
            self._pending.append(write)
            must_start, self._is_active = not self._is_active, True
            return must_start

    def next_batch(self) -> list[PendingWrite]:
        """Takes the oldest write, and all later ones that can share its batch.

        A write cannot share the batch if it concerns a connection that is already in the batch or has a deferred write.
        The previous batch counts as finished. An empty list means that no write waits. The queue is then inactive.
        """
        with self._lock:
            self._batch = self._form_batch()
            self._is_active = bool(self._batch)
            return self._batch

    def requeue(self, batch: list[PendingWrite], error: Exception) -> None:
        """Puts ``batch`` back at the head of the queue. ``error`` is why every write still waits."""
        with self._lock:
            self._batch = []
            self._pending.extendleft(reversed(batch))
            for write in (*self._pending, *self._deferred):
                write.error = error

    def defer(self, batch: list[PendingWrite]) -> None:
        """Sets aside writes that wait for a lock. Each becomes a batch of its own. These alternate with the others."""
        with self._lock:
            self._deferred.extend(batch)

    def remove_expired(self, now: float) -> tuple[list[PendingWrite], list[PendingWrite]]:
        """Removes the writes whose deadline has passed.

        Returns the removed writes, and those of the current batch whose deadline has passed, which cannot be removed.
        """
        with self._lock:
            expired = [write for write in self._deferred if write.deadline <= now]
            self._deferred = deque(write for write in self._deferred if write.deadline > now)
            while self._pending and self._pending[0].deadline <= now:
                expired.append(self._pending.popleft())
            return expired, [write for write in self._batch if write.deadline <= now]

    def _form_batch(self) -> list[PendingWrite]:
        reserved: dict[str, set[str | None]] = {}
        for write in self._deferred:
            _reserve(write.selection, reserved)
        batch: list[PendingWrite] = []
        skipped: list[PendingWrite] = []
        size = len(reserved) + max(MIN_BATCH_SIZE, min(MAX_BATCH_SIZE, len(self._pending) // 2))
        while self._pending and len(reserved) < size and not (self._deferred_is_next and self._deferred):
            if not self._pending[0].selection.keys:
                if not batch:  # all skipped writes wait for a deferred one, and this one need not
                    batch.append(self._pending.popleft())
                break
            write = self._pending.popleft()
            (batch if _reserve(write.selection, reserved) else skipped).append(write)
        self._pending.extendleft(reversed(skipped))
        self._deferred_is_next = bool(batch and self._deferred)
        if not batch and self._deferred:
            batch.append(self._deferred.popleft())
        return batch


def _reserve(selection: Selection, reserved: dict[str, set[str | None]]) -> bool:
    """Reserves the connections of ``selection``. Returns whether none of them was reserved before.

    They are reserved in either case, so a later write cannot overtake a skipped one.
    """
    free = True
    for room, channel_name in selection.keys:
        rooms = reserved.get(channel_name)
        if rooms and (room is None or room in rooms or None in rooms):
            free = False
    for room, channel_name in selection.keys:
        reserved.setdefault(channel_name, set()).add(room)
    return free
