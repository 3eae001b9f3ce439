"""Without asyncio: one caller with one database connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks import comparison, measure
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target
from tests.benchmarks.worker import Worker

NAME = "sync"
TITLE = "One synchronous caller"


def run(bench: Bench) -> dict[str, Any]:
    samples: dict[str, dict[str, list[Sample]]] = {}
    workers = bench.workers(peer for peer in bench.sizes.peers if peer != "redis")
    counts = {peer: _calibrate(bench, worker) for peer, worker in workers.items()}
    for turn in range(bench.sizes.rounds):
        bench.progress(f"round {turn + 1} of {bench.sizes.rounds}")
        for peer, worker in workers.items():
            for operation, sample in _cycle(worker, counts[peer], bench.sizes.prune).items():
                samples.setdefault(operation, {}).setdefault(peer, []).append(sample)
    return {
        operation: {"1": {peer: measure.median(rounds) for peer, rounds in by_peer.items()}}
        for operation, by_peer in samples.items()
    }


def report(data: dict[str, Any]) -> str:
    return comparison.report(data)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for operation, promised in {"join": 3, "leave": 3, "touch": 1}.items():
        results = data[operation]["1"]
        if {"ours", "fork"} <= results.keys():
            yield Target(
                f"sync {operation}, against the fork", promised, results["ours"]["rate"] / results["fork"]["rate"]
            )


def _calibrate(bench: Bench, worker: Worker) -> int:
    warm_up = _cycle(worker, min(100, bench.sizes.connections), min(100, bench.sizes.prune))
    return min(bench.sizes.connections, max(10, int(bench.sizes.seconds * warm_up["join"].rate)))


def _cycle(worker: Worker, count: int, pruned: int) -> dict[str, Sample]:
    samples = {}
    for operation, left in {"join": count, "touch": count, "leave": 0}.items():
        samples[operation] = Sample(*worker("synchronous", operation=operation, count=count))
        worker("expect", count=left)
    worker("fill", count=count)
    samples["remove"] = Sample(*worker("synchronous", operation="remove", count=count))
    worker("expect", count=0)
    samples["prune"] = Sample(*worker("prune", count=pruned, synchronously=True))
    return samples
