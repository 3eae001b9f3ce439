"""The cost of the fold: appends to the log, compared with bare INSERTs of the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.benchmarks import measure, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.measure import Sample
from tests.benchmarks.targets import Target

NAME = "floor"
TITLE = "Appends and bare INSERTs"

_WAYS = {
    "single": "one row a statement and transaction",
    "unsynced": "one row a statement, `synchronous_commit=off`",
    "batched": "batches of {batch:,} rows",
}


def run(bench: Bench) -> dict[str, Any]:
    sizes = bench.sizes
    results: dict[str, Any] = {"batch": sizes.batch}
    worker = bench.prepared({"separate": "ours"})["separate"]
    worker("make_floor")
    for way, (rows, turn, batch, commit) in {
        "single": (sizes.single_appends, 20, 1, "on"),
        "unsynced": (sizes.single_appends, 20, 1, "off"),
        "batched": (sizes.batches * sizes.batch, sizes.batch, sizes.batch, "on"),
    }.items():
        bench.progress(f"appends, {_WAYS[way].format(batch=sizes.batch)}")
        arguments = {"turn": turn, "batch": batch, "synchronous_commit": commit}
        worker("floor", rows=min(rows, 4 * turn), **arguments)
        samples = worker("floor", rows=rows, **arguments)
        results[way] = {kind: _compared(variants) for kind, variants in samples.items()}
    return results


def report(data: dict[str, Any]) -> str:
    rows = []
    for way, what in _WAYS.items():
        for kind, result in data[way].items():
            rows.append(
                [
                    what.format(batch=data["batch"]),
                    kind,
                    table.count(result["bare"]["n"]),
                    *(table.count(result[variant]["rate"]) for variant in ("bare", "sql", "orm", "recorder")),
                    *(table.count(result[variant]["server_us"]) for variant in ("bare", "sql")),
                    table.ratio(result["ratios"]["sql"]),
                    table.ratio(result["ratios"]["recorder"] / result["ratios"]["orm"]),
                ]
            )
    head = ["rows per second", "kind", "n", "bare INSERT", "INSERT into the log", "`bulk_create`", "`record()`"]
    return table.render([*head, "bare µs", "log µs", "log / bare", "`record()` / `bulk_create`"], rows, words=2)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    for way, promised in {"single": 0.9, "unsynced": 0.9, "batched": 0.35}.items():
        for kind, result in data[way].items():
            what = f"INSERT of a {kind}, {_WAYS[way].format(batch=data['batch'])}, against a bare INSERT"
            yield Target(what, promised, result["ratios"]["sql"])


def _compared(variants: dict[str, list[Any]]) -> dict[str, Any]:
    """Returns medians. Each ratio compares neighbours in time, so a temporary slowdown affects both."""
    samples = {variant: [Sample(*values) for values in rounds] for variant, rounds in variants.items()}
    ratios = {
        variant: median(ours.rate / bare.rate for ours, bare in zip(rounds, samples["bare"], strict=True))
        for variant, rounds in samples.items()
    }
    return {**{variant: measure.median(rounds) for variant, rounds in samples.items()}, "ratios": ratios}
