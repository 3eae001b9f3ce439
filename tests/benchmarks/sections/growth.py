"""The same operations with an empty log, and with logs of millions of events."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.benchmarks import measure, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target
from tests.benchmarks.worker import Worker

NAME = "growth"
TITLE = "Cost and the length of the log"
_CALLERS = 100


def run(bench: Bench) -> dict[str, Any]:
    samples: dict[str, dict[int, list[Sample]]] = {}
    names = {events: f"{events:,} events" for events in bench.sizes.growth}
    prepared = bench.prepared(dict.fromkeys(names.values(), "ours"))
    workers = {events: prepared[name] for events, name in names.items()}
    for events, worker in workers.items():
        bench.progress(f"writing {events:,} events")
        worker("write_history", events=events, users=bench.sizes.users)
        worker("empty")
    bench.servers.checkpoint()
    connections = min([_calibrate(bench, worker) for worker in workers.values()])
    for turn in range(bench.sizes.growth_rounds):
        bench.progress(f"round {turn + 1} of {bench.sizes.growth_rounds}")
        # Every other round has the reverse order, so that no log is always the first.
        for events in sorted(workers, reverse=bool(turn % 2)):
            for operation, sample in _cycle(workers[events], connections, bench.sizes.prune).items():
                samples.setdefault(operation, {}).setdefault(events, []).append(sample)
    return {
        operation: {str(events): _compared(rounds, by_events[0]) for events, rounds in sorted(by_events.items())}
        for operation, by_events in samples.items()
    }


def report(data: dict[str, Any]) -> str:
    lengths = list(next(iter(data.values())))
    rows = [
        [
            operation,
            table.count(results["0"]["n"]),
            *(table.count(results[events]["rate"]) for events in lengths),
            *(table.ratio(results[events]["cost"]) for events in lengths if events != "0"),
        ]
        for operation, results in data.items()
    ]
    head = ["per second", "n each", *(f"{int(events):,} events" for events in lengths)]
    return table.render([*head, *(f"cost at {int(events):,}" for events in lengths if events != "0")], rows)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for operation, results in data.items():
        longest = max(results, key=int)
        yield Target(
            f"{operation} above {int(longest):,} events, cost against an empty log",
            1.2,
            results[longest]["cost"],
            at_most=True,
        )


def _compared(rounds: list[Sample], empty: list[Sample]) -> dict[str, Any]:
    cost = median(without.rate / sample.rate for sample, without in zip(rounds, empty, strict=True))
    return {**measure.median(rounds), "cost": cost}


def _calibrate(bench: Bench, worker: Worker) -> int:
    warm_up = _cycle(worker, min(200, bench.sizes.connections), min(100, bench.sizes.prune))
    return min(bench.sizes.connections, max(10, int(bench.sizes.seconds * warm_up["sync join"].rate)))


def _cycle(worker: Worker, count: int, pruned: int) -> dict[str, Sample]:
    samples = {}
    for operation, left in {"join": count, "touch": count, "leave": 0}.items():
        samples[f"sync {operation}"] = Sample(*worker("synchronous", operation=operation, count=count))
        worker("expect", count=left)
    for operation, left in {"join": count, "touch": count, "leave": 0}.items():
        sample = Sample(*worker("asynchronous", operation=operation, count=count, callers=_CALLERS))
        samples[f"async {operation}, {_CALLERS} callers"] = sample
        worker("expect", count=left)
    samples[f"prune of {pruned:,}"] = Sample(*worker("prune", count=pruned, synchronously=True))
    return samples
