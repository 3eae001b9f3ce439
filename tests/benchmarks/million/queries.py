"""The queries of an application, in a process of its own: ``python -m tests.benchmarks.million.queries INTERVAL``.

Every ``INTERVAL`` seconds it runs one of them, in turn, and prints a line of JSON: the name, the seconds that it took,
and the CPU seconds of the backend of PostgreSQL. It runs until it is terminated.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import django

from tests.benchmarks.million.scenario import LARGE, MEDIUM, SMALL


def queries() -> dict[str, Callable[[], object]]:
    """Returns the queries by name."""
    from django.test import RequestFactory
    from django.utils import timezone

    from projections.models import PresenceSession, Room
    from projections.rosters import Roster
    from projections.rosters.http import RosterView
    from projections.status import status

    class View(RosterView):
        roster = Roster(grace=0, limit=2000)

        def may_see(self, request: Any, room: str) -> bool:
            return True

    view, request = View.as_view(), RequestFactory().get("/")
    sizes = {SMALL: "a small room", MEDIUM: "a room of 1,000", LARGE: "the largest room"}
    found: dict[str, Callable[[], object]] = {
        "`get_users`, a room of 1,000": lambda: list(Room.named(MEDIUM).get_users()),
        "roster snapshot, a room of 1,000": lambda: view(request, room=MEDIUM),
        "`at` now, a room of 1,000": lambda: list(PresenceSession.objects.in_room(MEDIUM).at(timezone.now())),
        "`presence_status`": status,
    }
    for room, name in sizes.items():
        found[f"`counts`, {name}"] = Room.named(room).counts
    return found


def _main(interval: float) -> None:
    django.setup()
    from django.db import connection

    connection.ensure_connection()
    backend = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat")
    due = time.monotonic()
    for name, query in cycle(queries().items()):
        cpu, began = _cpu(backend), time.perf_counter()
        query()
        print(json.dumps([name, time.perf_counter() - began, _cpu(backend) - cpu]), flush=True)
        due = max(due + interval, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))


def _cpu(schedstat: Path) -> float:
    """Returns the CPU seconds of a process. The ticks of its other files are too coarse for a query."""
    return int(schedstat.read_text().split()[0]) / 1e9


if __name__ == "__main__":
    _main(float(sys.argv[1]))
