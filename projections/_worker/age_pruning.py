"""Prunes the presences without a sign of life, also when the clock of the database was set.

Whether a presence is too old depends on that clock. After it was set forward, all presences look older than they are.
So nothing is pruned until every live connection must have been seen again. After it was set back, ``last_seen`` is in
the future and says nothing. Such a presence is pruned if there was neither a touch of it nor a beat of its process for
the maximal age by the clock of this process.
"""

from __future__ import annotations

import logging
import time

from presence_events import sql
from presence_events.recorder import record_select
from projections import conf, selections
from projections._worker.clock_watch import TOLERANCE, ClockWatch
from projections.models import Room

__all__ = ["AgePruning"]

logger = logging.getLogger("projections.worker")

_Version = tuple[int, str, str | None]
"""A presence, the transaction that wrote it last, and the one that wrote its lease last, if it depends on one. Each
touch and each beat is another one."""


class AgePruning:
    """Prunes the presences in the database ``using``. Keep one object: it remembers what it has read."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._clock = ClockWatch(using)
        self._held_until = 0.0
        self._future: dict[_Version, float] = {}
        self._look_for_future = True

    def run(self) -> int:
        """Prunes the presences that are older than ``CHANNELS_PRESENCE_MAX_AGE``. Returns how many were pruned."""
        jump, now = self._clock.jump(), time.monotonic()
        if jump > 0:
            self._held_until = now + conf.max_age()
            logger.warning(
                "The clock of the database %r was set forward by %.1f s, or this machine was suspended. "
                "Presences are not pruned by age for %s s",
                self._using,
                jump,
                conf.max_age(),
            )
        elif jump < 0:
            self._look_for_future = True
            logger.warning("The clock of the database %r was set back by %.1f s", self._using, -jump)
        pruned = 0 if now < self._held_until else Room.objects.db_manager(self._using).prune_presences()
        return pruned + (self._prune_future(now) if self._look_for_future else 0)

    def _prune_future(self, now: float) -> int:
        """Prunes the presences that were last seen in the future, and not since a maximal age ago."""
        rows = sql.rows("projections", "queries/age_pruning/future", {"tolerance": TOLERANCE}, using=self._using)
        self._future = {version: self._future.get(version, now) for version in rows}
        self._look_for_future = bool(self._future)
        silent = [version for version, since in self._future.items() if now - since > conf.max_age()]
        return len(record_select(selections.prune_untouched(silent), using=self._using)) if silent else 0
