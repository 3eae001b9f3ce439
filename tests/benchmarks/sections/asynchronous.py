"""Coroutines: joins, touches and leaves by one caller, and by thousands of concurrent callers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks import comparison, measure, plot
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.peers import TITLES
from tests.benchmarks.plot import Picture
from tests.benchmarks.targets import Target
from tests.benchmarks.worker import Worker

NAME = "async"
TITLE = "Asyncio callers"
OPERATIONS = ("join", "touch", "leave")


def run(bench: Bench) -> dict[str, Any]:
    results: dict[str, Any] = {}
    workers = bench.workers(bench.sizes.peers)
    for callers in bench.sizes.callers:
        samples: dict[tuple[str, str], list[Sample]] = {}
        counts = {peer: _calibrate(bench, worker, callers) for peer, worker in workers.items()}
        for turn in range(bench.sizes.rounds):
            bench.progress(f"{callers} callers, round {turn + 1} of {bench.sizes.rounds}")
            for peer in bench.peers_in_round(workers, turn):
                for operation, sample in _cycle(workers[peer], *counts[peer], callers).items():
                    samples.setdefault((operation, peer), []).append(sample)
        for (operation, peer), rounds in samples.items():
            result = measure.median(rounds)
            bench.progress(f"{operation} {callers} {peer}: {result['rate']:,.0f}/s")
            results.setdefault(operation, {}).setdefault(str(callers), {})[peer] = result
    return results


def _calibrate(bench: Bench, worker: Worker, callers: int) -> tuple[int, int]:
    """Returns how many connections and how many touches take `Sizes.seconds`. Also warms up the worker."""
    connections = min(100, bench.sizes.connections)
    while True:
        samples = _cycle(worker, connections, connections, callers)
        wanted = bench.sizes.seconds * min(samples["join"].rate, samples["leave"].rate)
        if wanted < 4 * connections or connections == bench.sizes.connections:
            break
        connections = min(4 * connections, bench.sizes.connections)
    connections = max(callers, min(int(wanted), bench.sizes.connections))
    return connections, max(connections, int(bench.sizes.seconds * samples["touch"].rate))


def _cycle(worker: Worker, connections: int, touches: int, callers: int) -> dict[str, Sample]:
    join = Sample(*worker("asynchronous", operation="join", count=connections, callers=callers))
    worker("expect", count=connections)
    touch = Sample(*worker("touches", count=touches, present=connections, callers=callers))
    leave = Sample(*worker("asynchronous", operation="leave", count=connections, callers=callers))
    worker("expect", count=0)
    return {"join": join, "touch": touch, "leave": leave}


def report(data: dict[str, Any]) -> str:
    return comparison.report(data)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for operation, promised in {"join": 40, "leave": 40, "touch": 25}.items():
        for callers, results in data[operation].items():
            if int(callers) >= 100 and {"ours", "fork"} <= results.keys():
                what = f"async {operation} by {int(callers):,} callers, against the fork"
                yield Target(what, promised, results["ours"]["rate"] / results["fork"]["rate"])
    for callers, results in data["touch"].items():
        if int(callers) >= 100 and {"ours", "redis"} <= results.keys():
            what = f"async touch by {int(callers):,} callers, against redis.asyncio"
            yield Target(what, 4, results["ours"]["rate"] / results["redis"]["rate"])


def plots(data: dict[str, Any]) -> list[Picture]:
    panels = {
        operation: {
            TITLES[peer]: [(int(callers), results[peer]["rate"]) for callers, results in by_callers.items()]
            for peer in next(iter(by_callers.values()))
        }
        for operation, by_callers in data.items()
    }
    what = "Rates by callers and peer; the table has the figures"
    return [Picture("benchmarks-async.svg", what, plot.lines(panels, "callers at once", "per second"))]
