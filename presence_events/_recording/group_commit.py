"""Group commit: the coroutines of an event loop share batches, so their writes need few transactions.

While a batch is being written, new writes wait in a queue, and the next batch takes them together. There is no timer:
without load no write waits, and under load batches grow. A batch is one statement, in a thread and on a connection of
its own. It does not wait for the queries of the application, and they do not wait for it.

- Each connection keeps its order: a batch contains at most one selection about it, the oldest.
- A selection that the database refuses fails alone: the batch is halved until the selection is found.
- While the database is unavailable (a restart, a failover, a broken connection), the batch is retried, since recording
  twice is harmless. Each caller waits at most ``CHANNELS_PRESENCE_RECORD_TIMEOUT`` seconds.
- At most `MAX_PENDING` selections are pending. Further callers wait for admission, within the same timeout.

The work after a batch is done in callbacks, not in a task. Callbacks cannot be cancelled, so a write that has begun is
completed even while all tasks of the loop are being cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any

from django.db import connections

from presence_events import conf
from presence_events._recording import loop_watcher
from presence_events._recording.admission import Admission
from presence_events._recording.batch_writer import write_batch
from presence_events._recording.committed import Committed
from presence_events._recording.drafts import Selection
from presence_events._recording.room_order import TURN_TIMEOUT, RoomOrder, Turn
from presence_events._recording.statement import has_claimed_join, to_recorded
from presence_events._recording.write_queue import PendingWrite, WriteQueue
from presence_events.concurrency import before_loop_closes
from presence_events.database_connections import release
from presence_events.exceptions import DeliveryFailed, NotRecordedInTime
from presence_events.processes.beats import BeatTimer
from presence_events.processes.registry import Registration
from presence_events.test_databases import is_test_database

__all__ = ["MAX_PENDING", "GroupCommit"]

logger = logging.getLogger("presence_events.group_commit")

MAX_PENDING = 10_000
"""Selections of one event loop that wait or are being written."""

CHECK_INTERVAL = 0.5
"""Seconds between two checks for expired writes and an idle connection.

The connection is closed, unless CONN_MAX_AGE keeps it open, if nothing was written between two checks.
"""

RETRY_DELAYS = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before each retry while the database is unavailable. The last one repeats."""

Announce = Callable[[Committed], Awaitable[None]]


class GroupCommit:
    """Writes what the running event loop records in the database ``alias``.

    ``announce`` is awaited with what was committed. ``on_close`` is called when the event loop closes. Joins are
    claimed for ``registration``, which sends beats from the first claimed join on.
    """

    def __init__(
        self, alias: str, announce: Announce, on_close: Callable[[], None], registration: Registration
    ) -> None:
        self._alias = alias
        self._registration = registration
        self._beat_timer = BeatTimer(registration, self._call_between_batches)
        self._calls: deque[Callable[[], None]] = deque()
        self._announce = announce
        self._on_close = on_close
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="presence-recorder")
        self._admission = Admission(MAX_PENDING)
        self._queue = WriteQueue()
        self._room_order = RoomOrder()
        self._announcements: set[asyncio.Task[None]] = set()
        self._timeout = conf.record_timeout()
        self._was_used = False
        self._failures = 0
        self._check_timer: asyncio.TimerHandle | None = None
        self._shutdown_hook = before_loop_closes(self._drain)
        loop_watcher.watch(self, asyncio.get_running_loop(), self._abandon)

    def record(self, selection: Selection, *, quiet: bool) -> Awaitable[list[Any]]:
        """Records what ``selection`` finds. Await the result at once.

        It is a list of `EventRow`, once these are announced, or of `Recorded` if ``quiet``. Awaiting it raises the
        database's error about this selection, or `NotRecordedInTime`.
        """
        deadline = asyncio.get_running_loop().time() + self._timeout
        if self._admission.try_acquire():
            return self._enqueue(selection, quiet, deadline)
        return self._record_when_admitted(selection, quiet, deadline)

    async def _record_when_admitted(self, selection: Selection, quiet: bool, deadline: float) -> list[Any]:
        try:
            await self._admission.acquire(deadline)
        except TimeoutError:
            raise NotRecordedInTime("It was not attempted, because too many writes were pending.") from None
        return await self._enqueue(selection, quiet, deadline)

    def _enqueue(self, selection: Selection, quiet: bool, deadline: float) -> asyncio.Future[list[Any]]:
        result: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        if self._queue.append(PendingWrite(selection, quiet, deadline, result)):
            self._start_writing()
        return result

    def start_beats(self) -> None:
        """Starts the beats. Called when a join was claimed, also by a thread that works for this loop."""
        self._beat_timer.start()

    def _start_writing(self) -> None:
        loop = asyncio.get_running_loop()
        self._timeout = conf.record_timeout()
        self._was_used = True
        self._check_timer = self._check_timer or loop.call_later(CHECK_INTERVAL, self._check)
        loop.run_in_executor(self._executor, self._write_batches, loop)

    def _call_between_batches(self, function: Callable[[], None]) -> None:
        """Calls ``function`` in the thread after the current batch, however many batches follow."""
        self._calls.append(function)
        asyncio.get_running_loop().run_in_executor(self._executor, self._run_calls_when_idle)

    def _run_calls_when_idle(self) -> None:
        """Runs the calls that no batch has run, and closes the connection if no check will."""
        self._run_calls()
        is_test = is_test_database(connections[self._alias])
        if is_test or self._check_timer is None:
            release(self._alias, obsolete=not is_test)

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def _write_batches(self, loop: asyncio.AbstractEventLoop) -> None:
        """Writes batch after batch in the thread until the queue is empty. It never waits for the event loop."""
        while batch := self._queue.next_batch():
            try:
                outage = write_batch(self._alias, batch, self._registration.claim_name)
            except Exception as error:  # any error: callers wait for the batch and would wait forever
                outage = error
            # A write that expires while it is retried is not requeued: the check sees it only while it is in the queue.
            now = loop.time()
            finished = [write for write in batch if write.is_done or write.deadline <= now]
            unfinished = [write for write in batch if not write.is_done and write.deadline > now]
            if outage is None:
                self._queue.defer(unfinished)
            else:
                self._queue.requeue(unfinished, outage)
            try:
                loop.call_soon_threadsafe(self._after_batch, finished, outage)
            except RuntimeError:  # the loop is closed, and with it all callers
                release(self._alias)
                return
            if outage is not None:
                return
            self._run_calls()
        if is_test_database(connections[self._alias]):
            # The test runner drops the database right after the last test, and an open connection would prevent that.
            release(self._alias)

    def _after_batch(self, finished: list[PendingWrite], outage: Exception | None) -> None:
        self._resolve([write for write in finished if write.is_done])
        # A batch may have been committed in spite of its error.
        if not self._registration.has_beats and (outage or any(has_claimed_join(write.rows) for write in finished)):
            self.start_beats()
        for write in finished:
            if not write.is_done:
                self._admission.release()
                write.time_out()
        if outage is None:
            self._failures = 0
        else:
            delay = RETRY_DELAYS[min(self._failures, len(RETRY_DELAYS) - 1)]
            self._failures += 1
            logger.warning("The database %r is unavailable, retrying in %s s: %s", self._alias, delay, outage)
            asyncio.get_running_loop().call_later(delay, self._start_writing)

    def _resolve(self, done: list[PendingWrite]) -> None:
        """Resolves quiet and empty writes at once, and the others when their events are announced."""
        to_announce: list[PendingWrite] = []
        for write in done:
            self._admission.release()
            if write.error is not None:
                write.fail(write.error)
            elif write.quiet or not write.rows:
                write.resolve(to_recorded(write.rows))
            else:
                to_announce.append(write)
        # Events that a receiver records do not wait for the turn that calls it, but the rest of their batch does. So
        # their turn comes first; otherwise it would wait for the rest.
        for enclosing in sorted({write.enclosing_turns for write in to_announce}, key=len, reverse=True):
            committed = Committed(self._alias, [write for write in to_announce if write.enclosing_turns == enclosing])
            turn = self._room_order.next_turn({row.room for row in committed.rows}, enclosing)
            task = asyncio.get_running_loop().create_task(self._announce_in_turn(turn, committed), context=Context())
            self._announcements.add(task)
            task.add_done_callback(self._announcements.discard)
            # A task that is cancelled before it has started never enters its turn, and later turns would wait for it.
            task.add_done_callback(partial(_finish_turn, turn))

    async def _announce_in_turn(self, turn: Turn, committed: Committed) -> None:
        failures: dict[int, Exception] = {}
        try:
            async with turn:
                await self._announce(committed)
        except DeliveryFailed as error:
            failures = error.failures
        except Exception as error:
            failures = {row.id: error for row in committed.rows}
        finally:
            committed.resolve(failures)

    def _check(self) -> None:
        """Times out expired writes, and closes the connection if it was idle since the last check."""
        loop = asyncio.get_running_loop()
        removed, being_written = self._queue.remove_expired(loop.time())
        for write in removed:
            self._admission.release()
            write.time_out()
        for write in being_written:
            write.time_out()
        if self._was_used or self._queue.is_active:
            self._was_used = False
            self._check_timer = loop.call_later(CHECK_INTERVAL, self._check)
        else:
            self._check_timer = None
            loop.run_in_executor(self._executor, partial(release, self._alias, obsolete=True))

    async def _drain(self) -> None:
        """Completes pending writes, and releases the thread and its database connection."""
        self._beat_timer.stop()
        # Pending writes are written, or time out in a check. The thread may be blocked for longer than that.
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout + CHECK_INTERVAL
        while self._queue.is_active and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        # The thread schedules the announcement of a batch before the queue is inactive: let the loop start it.
        await asyncio.sleep(0)
        if self._announcements:
            await asyncio.wait(self._announcements, timeout=TURN_TIMEOUT)
        if self._check_timer is not None:
            self._check_timer.cancel()
            self._check_timer = None
        if not self._queue.is_active:
            await loop.run_in_executor(self._executor, release, self._alias)
        self._executor.shutdown(wait=False)
        loop_watcher.unwatch(self)
        self._on_close()

    def _abandon(self) -> None:
        """Releases the thread and its database connection, after the loop was closed without `shutdown_asyncgens`."""
        with suppress(RuntimeError):  # the interpreter shuts down, or the loop was closed while it drained
            self._executor.submit(release, self._alias)
        self._executor.shutdown(wait=False)
        self._registration.end()
        self._on_close()


def _finish_turn(turn: Turn, task: asyncio.Task[None]) -> None:
    turn.finish()
