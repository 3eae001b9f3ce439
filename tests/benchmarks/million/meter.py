"""Measures PostgreSQL and the processes beside it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.db import connection

from tests.benchmarks import cpu
from tests.benchmarks.measure import quantile

__all__ = ["CLIENTS", "Meter", "milliseconds", "rows"]

CLIENTS = ("processes", "queries", "worker")
"""The application names of the database connections."""

_COUNTERS = """
SELECT pg_current_wal_insert_lsn() - '0/0', pg_database_size(current_database()), last_value FROM presence_event_id_seq
"""
_CONNECTIONS = "SELECT pid, application_name FROM pg_stat_activity WHERE application_name = ANY (%s)"


class Meter:
    """Measures the server whose first process is ``pid``, from one reading to the next."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._last = self._read()
        self._of_clients = self._read_clients()

    def next(self) -> dict[str, float]:
        """Returns what was used since the last call: seconds, CPU seconds, bytes and events."""
        now, last = self._read(), self._last
        self._last = now
        return {name: now[name] - last[name] for name in now}

    def clients(self) -> dict[str, float]:
        """Returns the CPU seconds that PostgreSQL used for each of `CLIENTS` since the meter was made."""
        return {name: seconds - self._of_clients[name] for name, seconds in self._read_clients().items()}

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
            "wal": float(wal),
            "disk": disk,
            "events": events,
        }

    def _read_clients(self) -> dict[str, float]:
        found = dict.fromkeys(CLIENTS, 0.0)
        for pid, name in rows(_CONNECTIONS, list(CLIENTS)):
            found[name] += cpu.of_one(pid)
        return found


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
