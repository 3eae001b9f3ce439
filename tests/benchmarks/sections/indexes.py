"""The cost of each index of the log for an append."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.benchmarks import measure, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target

NAME = "indexes"
TITLE = "Cost of the log's indexes"
PURPOSES = {
    "presence_event_room": "the log of a room, in order and without touches",
    "presence_event_user": "the log of a user, the same; all stays of a user",
    "presence_event_process": "beats, for the replay",
    "presence_event_remembered": "stays without history that have not been forgotten yet",
    "presence_event_room_stay": "stays in a room at a moment or in a span",
    "presence_event_user_stay": "stays of a user at a moment or in a span",
    "presence_event_stay": "stays anywhere at a moment or in a span",
}
VARIANTS = ("none", *PURPOSES, "all")
_PLURALS = {"join": "joins", "touch": "touches", "leave": "leaves"}


def run(bench: Bench) -> dict[str, Any]:
    sizes = bench.sizes
    worker = bench.prepared({"indexed": "ours"})["indexed"]
    bench.progress(f"writing {sizes.indexed:,} events")
    worker("write_history", events=sizes.indexed, users=sizes.users)
    weights = worker("index_sizes")
    if weights.keys() != PURPOSES.keys():
        raise AssertionError(f"The log has the indexes {', '.join(weights)}")
    worker("disconnect")
    bench.progress("copying the database")
    copies = {variant: bench.servers.copy(f"benchmark {variant}", "benchmark indexed") for variant in VARIANTS}
    bench.servers.checkpoint()
    bench.progress("appending")
    samples = worker("indexes", databases=copies, batches=sizes.batches, batch=sizes.batch)
    for variant in VARIANTS:
        bench.servers.drop(f"benchmark {variant}")
    return {
        "events": sizes.indexed,
        "batch": sizes.batch,
        "bytes": {"none": 0, **weights, "all": sum(weights.values())},
        "kinds": {kind: _compared(variants) for kind, variants in samples.items()},
    }


def report(data: dict[str, Any]) -> str:
    kinds = data["kinds"]
    rows = [
        [
            f"`{variant}`" if variant in PURPOSES else variant,
            PURPOSES.get(variant, ""),
            *(table.count(results[variant]["rate"]) for results in kinds.values()),
            *(table.ratio(results[variant]["ratio"]) for results in kinds.values()),
            table.count(kinds["leave"][variant]["server_us"]),
            f"{data['bytes'][variant] / data['events']:.1f}",
        ]
        for variant in VARIANTS
    ]
    head = ["indexes besides the primary key", "purpose", *(f"{_PLURALS[kind]} per second" for kind in kinds)]
    head += [*(f"{_PLURALS[kind]} / none" for kind in kinds), "µs per leave", "bytes per event"]
    return (
        f"Batches of {data['batch']:,} are appended to a log of {data['events']:,} events that has none, one or all of "
        f"its\nindexes. n = {kinds['leave']['none']['n']:,} of each kind.\n\n{table.render(head, rows, words=2)}"
    )


def targets(data: dict[str, Any]) -> Iterator[Target]:
    yield Target("leaves with all indexes of the log, against none", 0.5, data["kinds"]["leave"]["all"]["ratio"])


def _compared(variants: dict[str, list[Any]]) -> dict[str, Any]:
    """Returns medians. Each ratio compares neighbours in time, so a temporary slowdown affects both."""
    samples = {variant: [Sample(*values) for values in rounds] for variant, rounds in variants.items()}
    return {
        variant: {
            **measure.median(rounds),
            "ratio": median(some.rate / none.rate for some, none in zip(rounds, samples["none"], strict=True)),
        }
        for variant, rounds in samples.items()
    }
