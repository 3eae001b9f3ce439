"""Measures operations: throughput, latencies and processor time."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self, TypeVar

from tests.benchmarks import cpu

_T = TypeVar("_T")


class Sample(NamedTuple):
    """One measurement. Times are in seconds. ``p50`` and ``p99`` are quantiles of the latency of a call."""

    n: int
    seconds: float
    p50: float
    p99: float
    client_cpu: float
    server_cpu: float

    @property
    def rate(self) -> float:
        return self.n / self.seconds


class Clock:
    """Measures the time of a block, and the CPU time that this process and the server ``pid`` used in it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def __enter__(self) -> Self:
        self._server = cpu.seconds(self._pid)
        self._client = time.process_time()
        self._start = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.client = time.process_time() - self._client
        self.server = cpu.seconds(self._pid) - self._server

    def sample(self, n: int, latencies: Sequence[float]) -> Sample:
        ranked = sorted(latencies)
        return Sample(n, self.seconds, quantile(ranked, 0.5), quantile(ranked, 0.99), self.client, self.server)


def one_by_one(pid: int, call: Callable[[_T], object], arguments: Sequence[_T]) -> Sample:
    """Calls ``call`` for each of ``arguments``, one after the other."""
    latencies = []
    now = time.perf_counter
    with Clock(pid) as clock:
        for argument in arguments:
            start = now()
            call(argument)
            latencies.append(now() - start)
    return clock.sample(len(arguments), latencies)


async def at_once(pid: int, call: Callable[[_T], Awaitable[object]], arguments: Sequence[_T], callers: int) -> Sample:
    """Calls ``call`` for each of ``arguments`` from ``callers`` tasks, each of which awaits every call of its own."""
    latencies = []
    now = time.perf_counter
    remaining = iter(arguments)

    async def caller() -> None:
        for argument in remaining:
            start = now()
            await call(argument)
            latencies.append(now() - start)

    with Clock(pid) as clock:
        await asyncio.gather(*(caller() for _ in range(min(callers, len(arguments)))))
    return clock.sample(len(arguments), latencies)


def quantile(ranked: Sequence[float], share: float) -> float:
    return ranked[min(int(len(ranked) * share), len(ranked) - 1)]


def median(samples: Iterable[Sample]) -> dict[str, Any]:
    """Returns the medians of several rounds, in the units of the tables. A single slow round does not affect them."""
    rounds = list(samples)
    n = sum(sample.n for sample in rounds)
    return {
        "n": n,
        "rate": statistics.median(sample.rate for sample in rounds),
        "p50_ms": statistics.median(sample.p50 for sample in rounds) * 1e3,
        "p99_ms": statistics.median(sample.p99 for sample in rounds) * 1e3,
        # Means, not medians: the kernel counts in hundredths of a second, which is too coarse for a short round.
        "client_us": sum(sample.client_cpu for sample in rounds) / n * 1e6,
        "server_us": sum(sample.server_cpu for sample in rounds) / n * 1e6,
        "rates": [round(sample.rate, 1) for sample in rounds],
    }
