"""The size of a trail on disk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.benchmarks import disk, table
from tests.benchmarks.bench import Bench
from tests.benchmarks.targets import Target
from tests.benchmarks.visits import visits
from tests.benchmarks.worker import Worker

NAME = "size"
TITLE = "Bytes per event"
_TRAILS = {"ours": "presence_event", "audited": "audited_trackedpresenceevent"}
_EVENTS = {"ours": "presence_event WHERE room <> ''", "audited": "audited_trackedpresenceevent"}
"""Without beats, whose number depends on the time that it takes."""

_TITLES = {"ours": "`presence_event`", "audited": "pghistory's event table"}
_KINDS = ("join", "touch", "leave")


def run(bench: Bench) -> dict[str, Any]:
    results: dict[str, Any] = {"length": len(visits(1)[0].channel_name), "n": bench.sizes.trail}
    trails = bench.prepared({"separate": "ours", "audited": "audited"})
    for worker in trails.values():
        before = _size(worker)
        results[worker.peer] = {}
        for kind in _KINDS:
            worker("asynchronous", operation=kind, count=bench.sizes.trail, callers=100)
            after = _size(worker)
            events = after[2] - before[2]
            if events != bench.sizes.trail:
                raise AssertionError(f"{events} events are in the trail of {worker.peer}, not {bench.sizes.trail}")
            results[worker.peer][kind] = [(after[part] - before[part]) / events for part in range(2)]
            before = after
    return results


def report(data: dict[str, Any]) -> str:
    rows = [
        [_TITLES[peer], kind, table.count(heap), table.count(indexes), table.count(heap + indexes)]
        for peer in _TRAILS
        if peer in data
        for kind, (heap, indexes) in data[peer].items()
    ]
    head = ["trail", "kind", "table", "indexes", "together"]
    return (
        f"n = {data['n']:,} of each kind. Channel names have {data['length']} characters, room names about 7. "
        f"Connections\nare anonymous and have no data.\n\n{table.render(head, rows, words=2)}"
    )


def targets(data: dict[str, Any]) -> Iterator[Target]:
    yield from ()


def _size(worker: Worker) -> list[int]:
    trail, events = _TRAILS[worker.peer], _EVENTS[worker.peer]
    bytes_of = [disk.of(trail, function) for function in ("pg_table_size", "pg_indexes_size")]
    return list(
        worker(
            "sql",
            statement=f"SELECT {', '.join(bytes_of)}, (SELECT count(*) FROM {events})",
        )
    )
