"""The cost of keeping connections alive, and of a day."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from tests.benchmarks import table
from tests.benchmarks.bench import Bench
from tests.benchmarks.targets import Target

NAME = "leases"
TITLE = "Keeping connections alive"
_SOCKETS = (1000, 20_000, 100_000, 1_000_000)
_SOCKETS_OF_PROCESS = 5000
_STAYS_OF_SOCKET = 48
_BEATS_OF_PROCESS = 24 * 60 * 60 // 10


def run(bench: Bench) -> dict[str, Any]:
    sizes = bench.sizes
    worker = bench.prepared({"leases": "ours"})["leases"]
    bench.progress(f"beats of {sizes.leased * sizes.lease_processes:,} connections, and a day of beats")
    measured: dict[str, Any] = worker(
        "leases",
        connections=sizes.leased,
        processes=sizes.lease_processes,
        periods=sizes.lease_periods,
        day=sizes.day_of_beats,
    )
    return {"connections": sizes.leased, "processes": sizes.lease_processes, "periods": sizes.lease_periods, **measured}


def report(data: dict[str, Any]) -> str:
    beat, period, day = data["beat"], data["period"], data["day"]
    together = data["connections"] * data["processes"]
    rows = [
        [
            f"one beat of a process with {data['connections']:,} connections, and its comparison",
            table.count(beat["rows"]),
            table.milliseconds(beat["ms"]),
            table.milliseconds(beat["server_ms"]),
            table.count(beat["wal"]),
        ],
        [
            f"all beats of {data['processes']} processes with {together:,} connections, one after the other",
            table.count(beat["rows"] * data["processes"]),
            table.milliseconds(period["ms"]),
            table.milliseconds(period["server_ms"]),
            table.count(beat["wal"] * data["processes"]),
        ],
    ]
    beats = table.render(["what", "rows", "ms", "CPU ms of the server", "bytes of WAL"], rows)
    costs = [
        [
            table.count(sockets),
            table.count(rows),
            f"{disk / 1e9:.2f}",
            f"{wal / 1e9:.2f}",
        ]
        for sockets in _SOCKETS
        for rows, disk, wal in [_day_of(sockets, data)]
    ]
    days = table.render(["sockets", "rows a day", "GB a day", "GB of WAL a day"], costs, words=0)
    join, leave = data["join"], data["leave"]
    first = f"Medians of {data['periods']} periods. The time is that of the caller, over a Unix socket."
    second = (
        f"A day of beats of 20 processes, {day['rows']:,} in all, sent as fast as possible, took "
        f"{day['rows'] * day['disk'] / 1e6:.1f} MB with indexes and {day['rows'] * day['wal'] / 1e6:.0f} MB of WAL."
    )
    third = (
        "The second table is what a day costs with stays of half an hour, 5,000 sockets to a process, and channel "
        "names of 74 characters. It is computed from the bytes that each event took in batches of 1,000, with indexes: "
        f"a join {join['disk']:.0f} and {join['wal']:,.0f} of WAL, a leave {leave['disk']:.0f} and "
        f"{leave['wal']:,.0f}, a beat {day['disk']:.0f} and {day['wal']:.0f}."
    )
    return "\n\n".join([_filled(first), beats, _filled(second), _filled(third), days])


def _filled(text: str) -> str:
    return textwrap.fill(text, 100, break_on_hyphens=False)


def targets(data: dict[str, Any]) -> Iterator[Target]:
    beat = data["beat"]
    what = f"one beat of {data['connections']:,} connections"
    yield Target(f"{what}: rows", 1, beat["rows"], at_most=True)
    yield Target(f"{what}: ms", 5, beat["ms"], at_most=True)
    yield Target(f"{what}: kB of WAL", 2, beat["wal"] / 1000, at_most=True)
    together = data["connections"] * data["processes"]
    yield Target(f"the beats of {together:,} connections: ms", 50, data["period"]["ms"], at_most=True)
    megabytes = data["day"]["rows"] * data["day"]["disk"] / 1e6
    yield Target(f"a day of {data['day']['rows']:,} beats: MB", 50, megabytes, at_most=True)


def _day_of(sockets: int, data: dict[str, Any]) -> tuple[float, float, float]:
    """Returns the rows, the bytes with indexes and the bytes of WAL of a day."""
    counts = {
        "join": sockets * _STAYS_OF_SOCKET,
        "leave": sockets * _STAYS_OF_SOCKET,
        "day": -(-sockets // _SOCKETS_OF_PROCESS) * _BEATS_OF_PROCESS,
    }
    return (
        sum(counts.values()),
        sum(count * data[kind]["disk"] for kind, count in counts.items()),
        sum(count * data[kind]["wal"] for kind, count in counts.items()),
    )
