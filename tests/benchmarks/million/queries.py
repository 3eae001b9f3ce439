"""The queries of an application, in a process of its own: ``python -m tests.benchmarks.million.queries INTERVAL``.

Every ``INTERVAL`` seconds it runs one of them, in turn, and prints a line of JSON: the name, and the seconds that it
took. It runs until it is terminated.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from itertools import cycle
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
        found[f"connections, {name}"] = lambda room=room: Room.named(room).presence_set.count()
        found[f"people, {name}"] = lambda room=room: Room.named(room).get_users().count()
    return found


def _main(interval: float) -> None:
    django.setup()
    due = time.monotonic()
    for name, query in cycle(queries().items()):
        began = time.perf_counter()
        query()
        print(json.dumps([name, time.perf_counter() - began]), flush=True)
        due = max(due + interval, time.monotonic())
        time.sleep(max(due - time.monotonic(), 0))


if __name__ == "__main__":
    _main(float(sys.argv[1]))
