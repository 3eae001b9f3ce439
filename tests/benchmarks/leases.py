"""Measures what it costs to keep connections alive: beats, and the stays that hang on leases.

Channel names have 74 characters, as those of ``channels_redis.core``.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import md5
from typing import Any

from django.db import connection

from presence_events import sql
from presence_events._recording import statement
from projections import selections
from tests.benchmarks import disk
from tests.benchmarks.measure import Clock

BATCH = 1000
ROOM = 100
"""Connections in a room."""


def measure(pid: int, connections: int, processes: int, periods: int, day: int) -> dict[str, Any]:
    """Returns what the events of a lease cost. Sizes are in bytes, times in milliseconds.

    ``processes`` have ``connections`` each. In each of ``periods`` all of them send a beat and compare. ``day`` is the
    number of beats of a simulated day, which are sent as fast as possible.
    """
    names = [f"server{number}.example.com:4711:5d41402abc4b-8120:{number:08x}" for number in range(processes)]
    joined = _events(lambda: _join(names, connections), connections * processes)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE presence_open_stay")
    _beat(names[0])
    latencies: list[float] = []
    with _written() as of_beats, Clock(pid) as clock:
        for _ in range(periods):
            began = time.perf_counter()
            for name in names:
                _beat(name)
            latencies.append((time.perf_counter() - began) * 1000)
    beats = periods * processes
    of_day = _events(lambda: _day(names, day), day)
    left = _events(_leave, connections * processes)
    return {
        "beat": {
            "ms": statistics.median(latencies) / processes,
            "server_ms": clock.server * 1000 / beats,
            "wal": of_beats["wal"] / beats,
            "rows": of_beats["rows"] / beats,
        },
        "period": {"ms": statistics.median(latencies), "server_ms": clock.server * 1000 / periods},
        "day": {"rows": day, **of_day},
        "join": joined,
        "leave": left,
    }


def _join(names: list[str], connections: int) -> None:
    for process, name in enumerate(names):
        for first in range(0, connections, BATCH):
            joins = [
                selections.join(f"room-{number % (connections // ROOM or 1)}", channel, None, None, is_leased=True)
                for number in range(first, min(first + BATCH, connections))
                for channel in [_channel(f"{process} {number}")]
            ]
            statement.append_quietly(joins, "default", process=name)


def _leave() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM presence_open_stay ORDER BY id")
        stays = [session for (session,) in cursor.fetchall()]
    for first in range(0, len(stays), BATCH):
        statement.append_quietly([selections.leave_stays(stays[first : first + BATCH])], "default")


def _beat(process: str) -> None:
    sql.rows("presence_events", "queries/processes/beat", {"name": process, "lock_timeout": "0"}, using="default")
    sql.rows("projections", "queries/live/leased_sum", {"name": process}, using="default")


def _day(names: list[str], beats: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        for number in range(beats):
            name = names[number % len(names)]
            sql.rows("presence_events", "queries/processes/beat", {"name": name, "lock_timeout": "0"}, using="default")
        cursor.execute("SET synchronous_commit = on")


def _channel(seed: str) -> str:
    first, second = (md5(f"{seed} {part}".encode(), usedforsecurity=False).hexdigest() for part in range(2))
    return f"specific.{first}!{second}"


def _events(run: Any, count: int) -> dict[str, float]:
    """Returns the bytes on disk and of WAL that each of the ``count`` events of ``run`` took."""
    with _written() as written:
        run()
    if written["rows"] != count:
        raise AssertionError(f"{written['rows']} events were appended, not {count}")
    return {"disk": written["disk"] / count, "wal": written["wal"] / count}


@contextmanager
def _written() -> Iterator[dict[str, float]]:
    query = f"SELECT pg_current_wal_insert_lsn() - '0/0', {disk.LOG}, (SELECT count(*) FROM presence_event)"
    with connection.cursor() as cursor:
        cursor.execute(query)
        before = cursor.fetchone()
        written: dict[str, float] = {}
        yield written
        cursor.execute(query)
        wal, occupied, rows = (float(after - then) for after, then in zip(cursor.fetchone(), before, strict=True))
        written.update(wal=wal, disk=occupied, rows=rows)
