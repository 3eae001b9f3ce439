"""A simulated server process: its connections, its lease, and its writes in the batches of group commit."""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable
from threading import Lock
from typing import Any, cast

from presence_events import sql
from presence_events._recording.batch_writer import write_batch
from presence_events._recording.statement import EventReader
from presence_events._recording.write_queue import PendingWrite, WriteQueue
from presence_events.processes.registry import Registration
from presence_events.recorder import Selection
from tests.benchmarks.million.meter import milliseconds
from tests.benchmarks.million.population import Connection

__all__ = ["ALIAS", "Latencies", "Process"]

ALIAS = "default"


class Latencies:
    """Seconds that calls, beats and comparisons of one phase took. A call ends with the commit of its batch."""

    def __init__(self) -> None:
        self.calls, self.beats, self.comparisons = array("d"), array("d"), array("d")
        self.batches = self.mismatches = self.failed_beats = 0

    def figures(self) -> dict[str, Any]:
        return {
            "batches": self.batches,
            "failed_beats": self.failed_beats,
            "calls": milliseconds(self.calls),
            "beats": milliseconds(self.beats),
            "comparisons": milliseconds(self.comparisons),
        }


class _Call(PendingWrite):
    """A write that nothing waits for."""

    __slots__ = ("began", "latencies")

    def __init__(self, selection: Selection, latencies: Latencies) -> None:
        super().__init__(selection, quiet=False, deadline=math.inf, result=cast("Any", None))
        self.latencies = latencies
        self.began = time.perf_counter()


class Process:
    """A server process in one of the threads to which ``submit`` passes functions.

    Its batches and beats follow each other, as those of group commit do. After each beat it compares the number of its
    stays, and the sum of their sessions, with the database. It takes what the log returned for its stays, so both are
    equal unless the log and the tables disagree.
    """

    def __init__(self, submit: Callable[[Callable[[], None]], None], latencies: Latencies) -> None:
        self.latencies = latencies
        self.connections: list[Connection] = []
        self.stays = self.sessions = 0
        self.is_killed = self.is_stopped = self.has_failed_beat = False
        self._submit = submit
        self._registration = Registration(ALIAS, may_claim=True)
        self._queue = WriteQueue()
        self._lock = Lock()

    @property
    def name(self) -> str:
        return self._registration.name

    def beat(self) -> None:
        """Sends a beat between two batches, and compares. ``has_failed_beat`` is whether it has to be repeated."""
        self._submit(self._beat)

    def enter(self, connection: Connection) -> None:
        """Lets ``connection`` join its room."""
        connection.place = len(self.connections)
        self.connections.append(connection)
        self._call(connection.join())

    def exit(self, connection: Connection) -> None:
        """Lets ``connection`` leave."""
        last = self.connections.pop()
        if last is not connection:
            self.connections[connection.place] = last
            last.place = connection.place
        self._call(connection.leave())

    def _call(self, selection: Selection) -> None:
        if self._queue.append(_Call(selection, self.latencies)):
            self._submit(self._work)

    def _work(self) -> None:
        """Writes one batch. Others then have their turn, as in a connection pool."""
        with self._lock:
            batch = [] if self.is_killed else self._queue.next_batch()
            if batch:
                self._write(batch)
        if batch:
            self._submit(self._work)

    def _beat(self) -> None:
        with self._lock:
            if not self.is_killed:
                self._beat_and_compare(self.latencies)

    def _beat_and_compare(self, latencies: Latencies) -> None:
        began = time.perf_counter()
        self.has_failed_beat = not self._registration.beat()
        if self.has_failed_beat:
            latencies.failed_beats += 1
            return
        sent = time.perf_counter()
        ((count, total),) = sql.rows("projections", "queries/live/leased_sum", {"name": self.name}, using=ALIAS)
        latencies.beats.append(sent - began)
        latencies.comparisons.append(time.perf_counter() - sent)
        latencies.mismatches += (count, total) != (self.stays, self.sessions)

    def _write(self, batch: list[PendingWrite]) -> None:
        outage = write_batch(ALIAS, batch, self.name)
        committed = time.perf_counter()
        errors = [outage, *(write.error for write in batch if write.is_done)]
        for error in errors:
            if error is not None:
                raise error
        self._queue.defer([write for write in batch if not write.is_done])
        done = cast("list[_Call]", [write for write in batch if write.is_done])
        for event in EventReader(ALIAS).events([row for write in done for row in write.rows], ()):
            change = 1 if event.kind == "join" else -1
            self.stays += change
            self.sessions += change * (event.session or 0)
        for write in done:
            write.latencies.calls.append(committed - write.began)
        if done:
            done[0].latencies.batches += 1
