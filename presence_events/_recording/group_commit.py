"""Group commit: what an event loop records goes out in as few transactions as its database allows.

While one flush is on its way, what arrives waits, and goes out together in the next. There is no timer: nobody waits
when it is quiet, and flushes grow by themselves under load. A flush is one statement, in a thread and on a connection
of its own: it waits neither for the queries of the application nor they for it.

- Of each connection the order is kept: a flush holds one selection about it at most, the oldest.
- A selection that the database refuses fails alone: the flush is halved until it is found.
- While the database is away (a restart, a failover, a broken connection) the flush is tried again, since recording
  twice is harmless, until ``CHANNELS_PRESENCE_RECORD_TIMEOUT`` has passed for whoever waits.
- No more than `BOUND` selections wait; who comes then waits at the door, for the same time at most.

What follows a flush are callbacks, not a task: nobody can cancel them, so that what has begun is carried through while
all tasks of the loop are being cancelled.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any

from django.db import connections

from presence_events import conf
from presence_events._recording.admission import Admission
from presence_events._recording.batch_writer import write
from presence_events._recording.drafts import Selection
from presence_events._recording.room_order import TURN_TIMEOUT, RoomOrder, Turn
from presence_events._recording.statement import events, has_claimed, recorded
from presence_events._recording.write_queue import PendingWrite, WriteQueue
from presence_events.connections import release
from presence_events.exceptions import DeliveryFailed, NotRecordedInTime
from presence_events.models import PresenceEvent
from presence_events.process_registry import KeepAlive, Registration
from presence_events.test_databases import is_test_database

__all__ = ["BOUND", "GroupCommit"]

logger = logging.getLogger(__name__)

BOUND = 10_000
"""How many selections wait or are being written at most."""

TICK = 0.5
"""Seconds between two looks at who has waited for too long, and whether the connection is still needed: it is closed,
unless CONN_MAX_AGE keeps it open, when there was nothing to do from one look to the next."""

PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before each new try while the database is away; the last of them from then on."""

Announce = Callable[[list[PresenceEvent], str], Awaitable[None]]


class GroupCommit:
    """The flushes of the running event loop into one database. ``closed`` is called when they end with the loop. Joins
    are claimed for ``registration``, which is then kept alive."""

    def __init__(self, alias: str, announce: Announce, closed: Callable[[], None], registration: Registration) -> None:
        self._alias = alias
        self._registration = registration
        self._keep_alive = KeepAlive(registration, self._call_between_flushes)
        self._errands: deque[Callable[[], None]] = deque()
        self._announce = announce
        self._closed = closed
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="presence-recorder")
        self._door = Admission(BOUND)
        self._line = WriteQueue()
        self._turns = RoomOrder()
        self._announcements: set[asyncio.Task[None]] = set()
        self._timeout = conf.record_timeout()
        self._used = False
        self._failures = 0
        self._tick: asyncio.TimerHandle | None = None
        self._life = self._until_the_loop_closes()
        with suppress(StopIteration):
            self._life.asend(None).send(None)

    async def record(self, selection: Selection, *, quiet: bool) -> list[Any]:
        """What was recorded of ``selection``: events, once they are announced, or `Recorded` if ``quiet``.

        Raises what the database says of this selection, or `NotRecordedInTime`.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        if not self._door.try_enter():
            try:
                await self._door.enter(deadline)
            except TimeoutError:
                raise NotRecordedInTime("It was not tried, since too many were waiting.") from None
        answer: asyncio.Future[list[Any]] = loop.create_future()
        if self._line.append(PendingWrite(selection, quiet, deadline, answer)):
            self._serve()
        return await answer

    def keep_alive(self) -> None:
        """A thread that works for this loop has claimed a join."""
        self._keep_alive.start()

    def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._timeout = conf.record_timeout()
        self._used = True
        self._tick = self._tick or loop.call_later(TICK, self._on_tick)
        loop.run_in_executor(self._thread, self._write, loop)

    def _call_between_flushes(self, errand: Callable[[], None]) -> None:
        """In the thread: after the flush that is under way, if there is one, however many follow it."""
        self._errands.append(errand)
        asyncio.get_running_loop().run_in_executor(self._thread, self._run_errands_alone)

    def _run_errands_alone(self) -> None:
        """As nobody is written for; or else they were run already."""
        self._run_errands()
        is_test = is_test_database(connections[self._alias])
        if is_test or self._tick is None:  # the tick closes it otherwise
            release(self._alias, obsolete=not is_test)

    def _run_errands(self) -> None:
        while self._errands:
            self._errands.popleft()()

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """Flush after flush in the thread, until nobody waits. The loop need not come round in between."""
        while batch := self._line.take():
            try:
                away = write(self._alias, batch, self._registration.claim)
            except Exception as error:  # whatever it is: somebody waits, and would wait forever
                away = error
            # Whose time is over while it is tried, again and again, is not tried again: the tick does not meet it.
            now = loop.time()
            over = [waiting for waiting in batch if waiting.written or waiting.deadline <= now]
            unwritten = [waiting for waiting in batch if not waiting.written and waiting.deadline > now]
            if away is None:
                self._line.hold(unwritten)
            else:
                self._line.put_back(unwritten, away)
            try:
                loop.call_soon_threadsafe(self._after_flush, over, away)
            except RuntimeError:  # the loop is closed, and everyone who waited is gone
                release(self._alias)
                return
            if away is not None:
                return
            self._run_errands()
        if is_test_database(connections[self._alias]):
            # Nothing lingers: the runner drops the database as soon as the last test is over.
            release(self._alias)

    def _after_flush(self, over: list[PendingWrite], away: Exception | None) -> None:
        self._answer([waiting for waiting in over if waiting.written])
        # A flush may have been written in spite of its error.
        if not self._registration.is_kept and (away or any(has_claimed(waiting.rows) for waiting in over)):
            self.keep_alive()
        for waiting in over:
            if not waiting.written:
                self._door.leave()
                waiting.give_up()
        if away is None:
            self._failures = 0
        else:
            pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            logger.warning("The database %r is away, trying again in %s s: %s", self._alias, pause, away)
            asyncio.get_running_loop().call_later(pause, self._serve)

    def _answer(self, written: list[PendingWrite]) -> None:
        """Those whose events are of interest to somebody are answered when these are announced."""
        loud: list[tuple[PendingWrite, list[PresenceEvent]]] = []
        for waiting in written:
            self._door.leave()
            if waiting.error is not None:
                waiting.fail(waiting.error)
            elif waiting.quiet or not waiting.rows:
                waiting.answer(recorded(waiting.rows))
            else:
                try:
                    loud.append((waiting, events(waiting.rows, self._alias, waiting.selection.users)))
                except Exception as error:  # a field of the project's own, for example
                    waiting.fail(error)
        # What a receiver records does not wait for the turn that calls it; the others of its flush do. It comes first,
        # or it would wait for them.
        for within in sorted({waiting.within for waiting, _ in loud}, key=len, reverse=True):
            those = [(waiting, own) for waiting, own in loud if waiting.within == within]
            turn = self._turns.take({event.room for _, own in those for event in own}, within)
            task = asyncio.get_running_loop().create_task(self._announce_in(turn, those), context=Context())
            self._announcements.add(task)
            task.add_done_callback(self._announcements.discard)

    async def _announce_in(self, turn: Turn, loud: list[tuple[PendingWrite, list[PresenceEvent]]]) -> None:
        everything = sorted((event for _, own in loud for event in own), key=lambda event: event.id)
        failures: dict[int, Exception] = {}
        try:
            async with turn:
                await self._announce(everything, self._alias)
        except DeliveryFailed as error:
            failures = error.failures
        except Exception as error:
            failures = {event.id: error for event in everything}
        finally:
            for waiting, own in loud:
                failure = next((failures[event.id] for event in own if event.id in failures), None)
                if failure is None:
                    waiting.answer(own)
                else:
                    waiting.fail(failure)

    def _on_tick(self) -> None:
        loop = asyncio.get_running_loop()
        expired, taken = self._line.expire(loop.time())
        for waiting in expired:
            self._door.leave()
            waiting.give_up()
        for waiting in taken:
            waiting.give_up()
        if self._used or self._line.served:
            self._used = False
            self._tick = loop.call_later(TICK, self._on_tick)
        else:
            self._tick = None
            loop.run_in_executor(self._thread, partial(release, self._alias, obsolete=True))

    async def _until_the_loop_closes(self) -> AsyncGenerator[None, None]:
        """Whoever closes a loop finishes its asynchronous generators first."""
        try:
            yield
        finally:
            self._keep_alive.stop()
            # Who still waits is served, or given up by the tick; the thread may be stuck for longer.
            loop = asyncio.get_running_loop()
            deadline = loop.time() + self._timeout + TICK
            while self._line.served and loop.time() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            if self._announcements:
                await asyncio.wait(self._announcements, timeout=TURN_TIMEOUT)
            if self._tick is not None:
                self._tick.cancel()
                self._tick = None
            if not self._line.served:
                await loop.run_in_executor(self._thread, release, self._alias)
            self._thread.shutdown(wait=False)
            self._closed()
