"""Signals that a worker sends from the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import cpu, measure, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.projector import process
from tests.benchmarks.targets import Target

NAME = "projector"
TITLE = "Signals from the log"


def run(bench: Bench) -> dict[str, Any]:
    sizes = bench.sizes
    worker = bench.prepared({"signals": "ours"})["signals"]
    worker("leave_signals_to_worker")
    rounds: dict[str, list[Sample]] = {"join": [], "leave": []}
    storms: list[list[float]] = []
    for turn in range(sizes.rounds):
        bench.progress(f"{sizes.storm:,} signals from the log, round {turn + 1} of {sizes.rounds}")
        worker("deliver")  # the rest of the previous round
        for operation, samples in rounds.items():
            worker("asynchronous", operation=operation, count=sizes.storm, callers=sizes.storm)
            samples.append(Sample(*worker("deliver")))
            if samples[-1].n != sizes.storm:
                raise AssertionError(f"{samples[-1].n} signals were sent, not {sizes.storm}")
    with process.running(worker.database, bench.servers) as pid:
        for turn in range(sizes.rounds):
            bench.progress(
                f"a storm of {sizes.storm:,} joins that a worker follows, round {turn + 1} of {sizes.rounds}"
            )
            storm = Sample(*worker("asynchronous", operation="join", count=sizes.storm, callers=sizes.storm))
            storms.append([storm.seconds, worker("wait_for_delivery")])
            worker("empty")
            worker("wait_for_delivery")
        bench.progress(f"{sizes.idle:g} seconds in which nothing happens")
        processes = (pid, bench.servers.postgres_pid)
        before = [cpu.seconds(each) for each in processes]
        time.sleep(sizes.idle)
        used = [cpu.seconds(each) - already for each, already in zip(processes, before, strict=True)]
    return {
        "storm": sizes.storm,
        "delivered": {operation: measure.median(samples) for operation, samples in rounds.items()},
        "storms": storms,
        "idle": [sizes.idle, *used],
    }


def report(data: dict[str, Any]) -> str:
    delivered = table.render(
        ["to a receiver that does nothing", "n", "events/s", "client µs", "server µs"],
        [
            [
                operation,
                table.count(one["n"]),
                table.count(one["rate"]),
                table.count(one["client_us"]),
                table.count(one["server_us"]),
            ]
            for operation, one in data["delivered"].items()
        ],
    )
    storms = table.render(
        ["round", "storm, s", "lag at its end, s", "ratio"],
        [
            [str(number), f"{storm:.2f}", f"{lag:.2f}", table.ratio(_ratio(storm, lag))]
            for number, (storm, lag) in enumerate(data["storms"], 1)
        ],
    )
    seconds, own, server = data["idle"]
    return (
        f"{delivered}\n\n`run_projector` follows a storm of {data['storm']:,} joins. The ratio is the time until all "
        f"of them were\nsignalled, against the storm alone.\n\n{storms}\n\n"
        f"In {seconds:g} s without events, the worker takes {own / seconds:.2%} of a core, and PostgreSQL with all\n"
        f"its processes takes {server / seconds:.2%}."
    )


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for operation, one in data["delivered"].items():
        yield Target(f"10,000 {operation}s a second delivered from the log", 1, one["rate"] / 10_000)
    worst = max(_ratio(*round_) for round_ in data["storms"])
    yield Target(f"all of {data['storm']:,} joins signalled, against the storm alone", 2, worst, at_most=True)
    seconds, own, _ = data["idle"]
    yield Target("percent of a core for an idle worker", 1, 100 * own / seconds, at_most=True)


def _ratio(storm: float, lag: float) -> float:
    return (storm + lag) / storm
