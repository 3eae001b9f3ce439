"""Measures PostgreSQL and the processes beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from threading import Event, Thread
from typing import Any

from django.db import connection

from tests.benchmarks import cpu
from tests.benchmarks.measure import quantile

__all__ = ["KINDS", "Meter", "milliseconds", "rows"]

KINDS = ("processes", "queries", "worker", "autovacuum worker")
"""Of processes of the server: the application names of those that serve connections, and the types of others."""

SAMPLE_INTERVAL = 0.5
"""Seconds. What a process of the server uses after its last sample is not known."""

_COUNTERS = """
SELECT pg_current_wal_insert_lsn() - '0/0', pg_database_size(current_database()), last_value FROM presence_event_id_seq
"""
_PROCESSES = """
SELECT pid, kind
FROM pg_stat_activity
CROSS JOIN LATERAL (VALUES (application_name), (backend_type)) AS known (kind)
WHERE kind = ANY (%s)
"""


class Meter:
    """Measures the server whose first process is ``pid``, from one reading to the next. Close it in the end."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last = self._read()
        self._first_samples: dict[tuple[int, str], float] = {}
        self._samples: dict[tuple[int, str], float] = {}
        self._sample()
        self._first_samples = dict(self._samples)
        self._is_closed = Event()
        self._sampler = Thread(target=self._run)
        self._sampler.start()

    def close(self) -> None:
        self._is_closed.set()
        self._sampler.join()

    def next(self) -> dict[str, float]:
        """Returns what was used since the last call: seconds, CPU seconds, bytes and events."""
        now, last = self._read(), self._last
        self._last = now
        return {name: now[name] - last[name] for name in now}

    def kinds(self) -> dict[str, float]:
        """Returns the CPU seconds of each of `KINDS` since the meter was made."""
        used = dict.fromkeys(KINDS, 0.0)
        for process, seconds in list(self._samples.items()):
            used[process[1]] += seconds - self._first_samples.get(process, 0.0)
        return used

    def memory(self) -> dict[str, float]:
        """Returns the private bytes of all processes of the server, and of the largest one."""
        found = [_private_bytes(pid) for pid in (self._pid, *cpu.children(self._pid))]
        return {"all": sum(found), "largest": max(found), "processes": len(found)}

    def _read(self) -> dict[str, float]:
        ((wal, disk, events),) = rows(_COUNTERS)
        return {
            "seconds": time.monotonic(),
            "cpu": cpu.seconds(self._pid),
            "generator": cpu.seconds(os.getpid()),
            "core": cpu.of_core(min(os.sched_getaffinity(self._pid))),
            "wal": float(wal),
            "disk": disk,
            "events": events,
        }

    def _run(self) -> None:
        while not self._is_closed.wait(SAMPLE_INTERVAL):
            self._sample()
        connection.close()

    def _sample(self) -> None:
        for pid, kind in rows(_PROCESSES, list(KINDS)):
            # A process that has just ended has 0 seconds.
            self._samples[pid, kind] = max(cpu.of_one(pid), self._samples.get((pid, kind), 0.0))


def milliseconds(seconds: Iterable[float]) -> dict[str, float]:
    """Returns the number of ``seconds``, their median, 99th percentile and maximum, in milliseconds."""
    ranked = sorted(seconds)
    if not ranked:
        return {"n": 0, "p50": 0.0, "p99": 0.0, "max": 0.0}
    shown = {"p50": quantile(ranked, 0.5), "p99": quantile(ranked, 0.99), "max": ranked[-1]}
    return {"n": len(ranked), **{name: value * 1000 for name, value in shown.items()}}


def rows(statement: str, *params: Any) -> list[Any]:
    """Runs ``statement`` on the connection of this thread. Returns its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)
        return list(cursor.fetchall()) if cursor.description else []


def _private_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon:"))
