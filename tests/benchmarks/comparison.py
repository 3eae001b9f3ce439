"""The tables of a section that compares peers: ``data[operation][callers][peer]``."""

from __future__ import annotations

from typing import Any

from tests.benchmarks import table
from tests.benchmarks.peers import TITLES


def report(data: dict[str, Any]) -> str:
    """Returns the rates and their ratios, the limits of this library, and the details."""
    parts = [
        rates(data),
        limits(data),
        f"<details><summary>Latency, CPU and n</summary>\n\n{details(data)}\n\n</details>",
    ]
    return "\n\n".join(part for part in parts if part)


def rates(data: dict[str, Any]) -> str:
    """Returns a table of operations per second, and of ratios between this library and the other peers."""
    peers = _peers(data)
    others = [peer for peer in peers if peer != "ours" and "ours" in peers]
    rows = []
    for operation, callers, results in _lines(data):
        found = [table.count(results[peer]["rate"]) if peer in results else "" for peer in peers]
        compared = [
            table.ratio(results["ours"]["rate"] / results[peer]["rate"]) if {"ours", peer} <= results.keys() else ""
            for peer in others
        ]
        rows.append([operation, callers, *found, *compared])
    head = ["per second", "callers", *(TITLES[peer] for peer in peers), *(f"ours / {TITLES[peer]}" for peer in others)]
    return table.render(head, rows)


def limits(data: dict[str, Any]) -> str:
    """Returns a table of what the processor time of a call allows, and how much of that is reached.

    ``one after the other`` is the limit if the caller and PostgreSQL never work at the same time, ``both at once`` that
    if the busier of the two always works.
    """
    rows = []
    for operation, callers, results in _lines(data):
        if "ours" in results:
            ours = results["ours"]
            times = (ours["client_us"], ours["server_us"])
            both = 1e6 / max(*times, 1)
            limit = [table.count(1e6 / max(sum(times), 1)), table.count(both)]
            rows.append([operation, callers, table.count(ours["rate"]), *limit, f"{ours['rate'] / both:.0%}"])
    head = ["limits of ours, per second", "callers", "measured", "one after the other", "both at once", "reached"]
    return table.render(head, rows) if rows else ""


def details(data: dict[str, Any]) -> str:
    rows = [
        [
            operation,
            callers,
            TITLES[peer],
            table.count(result["n"]),
            table.count(result["rate"]),
            table.milliseconds(result["p50_ms"]),
            table.milliseconds(result["p99_ms"]),
            table.count(result["client_us"]),
            table.count(result["server_us"]),
        ]
        for operation, callers, results in _lines(data)
        for peer, result in results.items()
    ]
    head = ["operation", "callers", "peer", "n", "per second", "p50 ms", "p99 ms", "client µs", "server µs"]
    return table.render(head, rows)


def _lines(data: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (operation, f"{int(callers):,}", results)
        for operation, by_callers in data.items()
        for callers, results in by_callers.items()
    ]


def _peers(data: dict[str, Any]) -> list[str]:
    found = {peer for _, _, results in _lines(data) for peer in results}
    return [peer for peer in TITLES if peer in found]
