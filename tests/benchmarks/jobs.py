"""The measurements that a worker can run."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self

from asgiref.sync import sync_to_async
from django.db import connection, connections

from tests.benchmarks import measure, peers
from tests.benchmarks.measure import Sample
from tests.benchmarks.visits import Visit, visits

FILL_CALLERS = 100
"""Concurrent callers of operations that are not measured."""


class Jobs:
    """The jobs of one worker. All its coroutines run in one event loop, as in a server."""

    def __init__(self, name: str) -> None:
        self._peer = peers.load(name)
        self._pid = int(os.environ[self._peer.server])
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.disconnect()
        self._runner.close()

    def prepare(self) -> None:
        self._peer.prepare()

    def asynchronous(self, operation: str, count: int, callers: int) -> Sample:
        """Measures ``operation`` on ``count`` connections by ``callers`` concurrent callers."""
        return self._measured(getattr(self._peer, f"a{operation}"), visits(count), callers)

    def touches(self, count: int, present: int, callers: int) -> Sample:
        """Measures ``count`` touches by ``callers`` concurrent callers, which cycle through ``present`` connections."""
        return self._measured(self._peer.atouch, _round(visits(present), count), callers)

    def leases(self, **sizes: int) -> dict[str, Any]:
        """Measures beats, and the events of stays that hang on leases."""
        from tests.benchmarks import leases  # the other peers have no log

        return leases.measure(self._pid, **sizes)

    def synchronous(self, operation: str, count: int) -> Sample:
        gc.collect()
        return measure.one_by_one(self._pid, getattr(self._peer, operation), visits(count))

    def mixed(self, count: int, callers: int) -> Sample:
        """Measures the calls of ``count`` stays, ``callers`` at a time: a join, eight touches and a leave each."""
        stays = iter(visits(count))
        steps = [self._peer.ajoin, *[self._peer.atouch] * 8, self._peer.aleave]

        async def all_stays() -> Sample:
            latencies: list[float] = []
            now = asyncio.get_running_loop().time

            async def caller() -> None:
                for visit in stays:
                    for step in steps:
                        start = now()
                        await step(visit)
                        latencies.append(now() - start)

            with measure.Clock(self._pid) as clock:
                await asyncio.gather(*(caller() for _ in range(min(callers, count))))
            return clock.sample(len(latencies), latencies)

        gc.collect()
        return self._run(all_stays())

    def prune(self, count: int, *, synchronously: bool) -> Sample:
        """Measures one prune of ``count`` connections, all of which are older than the maximal age."""
        self.fill(count)
        gc.collect()
        if synchronously:
            with measure.Clock(self._pid) as clock:
                self._peer.prune()
        else:
            with measure.Clock(self._pid) as clock:
                self._run(self._peer.aprune())
        self.expect(0)
        return clock.sample(count, [clock.seconds])

    def fill(self, count: int) -> None:
        """Joins ``count`` connections."""
        self._run(measure.at_once(self._pid, self._peer.ajoin, visits(count), FILL_CALLERS))

    def empty(self) -> None:
        self._run(self._peer.aprune())
        self.expect(0)

    def expect(self, count: int) -> None:
        """Fails if not exactly ``count`` connections are present, so operations that did nothing give no figures."""
        found = self._run(self._peer.present())
        if found != count:
            raise AssertionError(f"{found} are present, not {count}")

    def write_history(self, events: int, users: int) -> None:
        from tests.benchmarks import history

        history.users(users)
        if events:
            history.write(events, progress=lambda message: print(f"{'':10}{message}", flush=True))

    def reports(self, what: str, **arguments: Any) -> Any:
        """Calls a function of `tests.benchmarks.reports`."""
        from tests.benchmarks import reports

        return getattr(reports, what)(**arguments)

    def ask(self, questions: list[dict[str, Any]]) -> Any:
        from tests.benchmarks import reports

        gc.collect()
        gc.freeze()  # the next collection examines only new objects
        return reports.ask(self._pid, questions)

    def index_sizes(self) -> dict[str, int]:
        from tests.benchmarks import indexes

        return indexes.sizes()

    def indexes(self, **arguments: Any) -> Any:
        from tests.benchmarks import indexes

        return indexes.compare(self._pid, **arguments)

    def floor(self, **arguments: Any) -> Any:
        from tests.benchmarks import floor

        return floor.compare(self._pid, **arguments)

    def leave_signals_to_worker(self) -> None:
        from tests.benchmarks import delivery

        delivery.leave_to_worker()

    def deliver(self) -> Sample:
        from tests.benchmarks import delivery

        gc.collect()
        return delivery.deliver(self._pid)

    def wait_for_delivery(self) -> float:
        from tests.benchmarks import delivery

        return delivery.wait_for_delivery()

    def make_floor(self) -> None:
        from tests.benchmarks import floor

        floor.make()

    def record(self, kind: str, count: int) -> None:
        """Records ``count`` events of that kind, a thousand in each statement."""
        from presence_events.recorder import Draft, record

        drafts = [Draft(kind, *visit) for visit in visits(count)]
        for i in range(0, count, 1000):
            record(drafts[i : i + 1000])

    def disconnect(self) -> None:
        """Closes all connections to the database, so that it can be copied."""
        self._run(sync_to_async(connections.close_all)())
        connections.close_all()

    def sql(self, statement: str) -> list[Any]:
        """Returns the first row of the result of ``statement``, or an empty list."""
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchone() or ()) if cursor.description else []

    def _measured(
        self, call: Callable[[Visit], Coroutine[Any, Any, Any]], arguments: Sequence[Visit], callers: int
    ) -> Sample:
        gc.collect()
        return self._run(measure.at_once(self._pid, call, arguments, callers))

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(coroutine)


def _round(visited: list[Visit], count: int) -> list[Visit]:
    return [visited[i % len(visited)] for i in range(count)]
