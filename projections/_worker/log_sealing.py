"""Seals the log beside the other jobs of the worker, if ``CHANNELS_PRESENCE_SEALS`` is set, and publishes the seals."""

from __future__ import annotations

import logging

from presence_events import conf
from presence_events.exceptions import ErasureNotEnded
from presence_events.seals import anchors, maintenance
from projections._worker.background_job import BackgroundJob

__all__ = ["LogSealing", "SealPublication", "sealing_jobs"]

logger = logging.getLogger("projections.worker")

TIMESTAMP_INTERVAL = 600.0
"""Seconds between two time stamps. Each is for all seals before it, and has some kilobytes that are kept."""


class SealPublication(BackgroundJob):
    """Publishes new seals at one anchor, which delays neither the sealing nor the other anchors."""

    max_stop = 5.0

    def __init__(self, using: str, name: str) -> None:
        super().__init__(using)
        self._name = name
        self.interval = TIMESTAMP_INTERVAL if name == "timestamp" else 60.0
        self.what = f"The publication of seals at the anchor {name!r}"

    def run_if_due(self) -> None:
        if self._name in anchors.configured():
            super().run_if_due()

    def work(self) -> None:
        place = anchors.place_of(self._name, self._using)
        if place is not None:
            anchors.publish(self._name, place, using=self._using)


class LogSealing(BackgroundJob):
    """Seals what is new in the log. After each run, ``publications`` are due."""

    interval = 60.0
    what = "The sealing of the log"

    def __init__(self, using: str, publications: list[SealPublication]) -> None:
        super().__init__(using)
        self._publications = publications

    def run_if_due(self) -> None:
        if conf.seals() is not None:
            super().run_if_due()

    def work(self) -> None:
        try:
            maintenance.maintain(self._using)
        except ErasureNotEnded:
            logger.warning("Nothing is sealed: the erasure of a person is in progress or was interrupted")
        finally:
            for publication in self._publications:
                publication.make_due()


def sealing_jobs(using: str) -> list[BackgroundJob]:
    """Returns the jobs that seal the log of the database ``using`` and publish its seals at each anchor."""
    publications = {name: SealPublication(using, name) for name in anchors.ANCHORS}
    after_sealing = [job for name, job in publications.items() if name != "timestamp"]
    return [*publications.values(), LogSealing(using, after_sealing)]
