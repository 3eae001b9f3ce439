"""Typical loads of asynchronous applications: reconnects after a deployment, an ordinary day, a prune."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks import comparison, measure
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target
from tests.benchmarks.worker import Worker

NAME = "storm"
TITLE = "Storm of joins, mixed load, pruning"


def run(bench: Bench) -> dict[str, Any]:
    samples: dict[tuple[str, int], dict[str, list[Sample]]] = {}
    sizes = bench.sizes
    workers = bench.workers(sizes.peers)
    for peer, worker in workers.items():
        bench.progress(f"{sizes.storm:,} joins at once: {peer}")
        worker("fill", count=min(100, sizes.storm))
        worker("empty")
        storm = Sample(*worker("asynchronous", operation="join", count=sizes.storm, callers=sizes.storm))
        worker("expect", count=sizes.storm)
        worker("empty")
        samples.setdefault(("storm", sizes.storm), {})[peer] = [storm]
    for callers in sizes.mixed_callers:
        counts = {peer: _stays(bench, worker, callers) for peer, worker in workers.items()}
        for turn in range(sizes.rounds):
            bench.progress(f"mixed, {callers} callers, round {turn + 1} of {sizes.rounds}")
            for peer in bench.peers_in_round(workers, turn):
                worker = workers[peer]
                mixed = Sample(*worker("mixed", count=counts[peer], callers=callers))
                worker("expect", count=0)
                samples.setdefault(("mixed", callers), {}).setdefault(peer, []).append(mixed)
    for turn in range(sizes.rounds):
        bench.progress(f"a sweep over {sizes.prune:,}, round {turn + 1} of {sizes.rounds}")
        for peer in bench.peers_in_round(workers, turn):
            pruned = Sample(*workers[peer]("prune", count=sizes.prune, synchronously=False))
            samples.setdefault(("prune", 1), {}).setdefault(peer, []).append(pruned)
    results: dict[str, Any] = {}
    for (operation, callers), by_peer in samples.items():
        medians = {peer: measure.median(rounds) for peer, rounds in by_peer.items()}
        results.setdefault(operation, {})[str(callers)] = medians
    return results


def report(data: dict[str, Any]) -> str:
    return comparison.report(data)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for callers, results in data["storm"].items():
        if {"ours", "fork"} <= results.keys():
            what = f"{int(callers):,} joins at once, against the fork"
            yield Target(what, 40, results["ours"]["rate"] / results["fork"]["rate"])


def _stays(bench: Bench, worker: Worker, callers: int) -> int:
    warm_up = Sample(*worker("mixed", count=min(50, bench.sizes.connections), callers=callers))
    stays = int(bench.sizes.seconds * warm_up.rate / 10)
    return min(max(min(callers, bench.sizes.connections), stays), bench.sizes.connections)
