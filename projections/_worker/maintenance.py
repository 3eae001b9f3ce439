"""Runs the periodic jobs of the leading worker: dead servers, pruning, maintenance of the log, and final reports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import IntegrityError

from projections import conf
from projections._worker.age_pruning import AgePruning
from projections._worker.attendance_reports import AttendanceReports
from projections._worker.dead_servers import DeadServerDetector
from projections._worker.log_maintenance import LogMaintenance
from projections._worker.log_sealing import sealing_jobs
from projections.models import Process, Room

__all__ = ["Maintenance"]

logger = logging.getLogger("projections.worker")

MIN_PRUNE_INTERVAL, MAX_PRUNE_INTERVAL = 1.0, 10.0
"""Bounds in seconds for the interval at which presences are pruned."""

ROOM_PRUNE_INTERVAL = 60.0
"""Seconds between two prunes of empty rooms."""


class Maintenance:
    """Detects dead servers in the database ``using``, maintains and seals the log, and makes final reports.

    If ``prune`` is true, it also prunes presences and rooms.
    """

    def __init__(self, using: str, *, prune: bool) -> None:
        rooms = Room.objects.db_manager(using)
        self._background = (LogMaintenance(using), *sealing_jobs(using), AttendanceReports(using))
        self._jobs: list[_Job] = [
            _Job(DeadServerDetector(using).check, lambda: 0.0),
            *(_Job(job.run_if_due, lambda: 1.0) for job in self._background),
        ]
        if prune:
            self._jobs += [
                _Job(AgePruning(using).run, prune_interval),
                _Job(rooms.prune_rooms, lambda: ROOM_PRUNE_INTERVAL),
                _Job(Process.objects.db_manager(using).end_expired_leases, lambda: ROOM_PRUNE_INTERVAL),
            ]

    def run_due_jobs(self) -> None:
        """Runs the jobs whose interval has passed.

        If one raises, the others still run, and that job runs again after its interval. Then the first error is raised,
        except an IntegrityError, which is logged: another row that refers to one of ours concerns only that row.
        """
        errors: list[Exception] = []
        for job in self._jobs:
            try:
                job.run_if_due()
            except IntegrityError:
                logger.exception("A job of the maintenance failed and will run again")
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def stop(self) -> None:
        """Interrupts what goes on beside the jobs. The maintenance of the next leader continues it."""
        for job in self._background:
            job.stop()


class _Job:
    def __init__(self, run: Callable[[], object], interval: Callable[[], float]) -> None:
        self._run, self._interval = run, interval
        self._due = 0.0

    def run_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + self._interval()
            self._run()


def prune_interval() -> float:
    """Returns the seconds between two prunes of presences.

    This is a sixth of ``CHANNELS_PRESENCE_MAX_AGE``, but at least `MIN_PRUNE_INTERVAL` and at most
    `MAX_PRUNE_INTERVAL`.
    """
    return min(max(conf.max_age() / 6, MIN_PRUNE_INTERVAL), MAX_PRUNE_INTERVAL)
