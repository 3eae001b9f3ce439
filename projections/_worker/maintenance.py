"""What one process does for all, time and again: noticing servers that died, and pruning."""

from __future__ import annotations

import time
from collections.abc import Callable

from projections import conf
from projections._worker.dead_servers import DeadServerDetector
from projections.models import Room

__all__ = ["Maintenance"]

SHORTEST, LONGEST = 1.0, 10.0
"""Seconds between two rounds of pruning, at least and at most."""

ROOMS = 60.0
"""Seconds between two looks for rooms in which nobody is."""


class Maintenance:
    """Watches over the servers of the database ``using``, and prunes presences and rooms if ``prune`` is true."""

    def __init__(self, using: str, *, prune: bool) -> None:
        rooms = Room.objects.db_manager(using)
        self._jobs: list[_Job] = [_Job(DeadServerDetector(using).look, lambda: 0.0)]
        if prune:
            self._jobs += [_Job(rooms.prune_presences, often), _Job(rooms.prune_rooms, lambda: ROOMS)]

    def run_due_jobs(self) -> None:
        """Raises what a job raises; it is done again at its time."""
        for job in self._jobs:
            job.do_if_due()


class _Job:
    def __init__(self, do: Callable[[], object], pause: Callable[[], float]) -> None:
        self._do, self._pause = do, pause
        self._due = 0.0

    def do_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._pause()
            self._do()


def often() -> float:
    """Seconds between two rounds of pruning: a sixth of ``CHANNELS_PRESENCE_MAX_AGE``, within bounds."""
    return min(max(conf.max_age() / 6, SHORTEST), LONGEST)
