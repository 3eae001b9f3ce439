"""Seals the log beside the other jobs of the worker, if ``CHANNELS_PRESENCE_SEALS`` is set."""

from __future__ import annotations

import logging

from presence_events import conf
from presence_events.exceptions import ErasureNotEnded
from presence_events.seals import maintenance
from projections._worker.background_job import BackgroundJob

__all__ = ["LogSealing"]

logger = logging.getLogger("projections.worker")


class LogSealing(BackgroundJob):
    """Seals what is new in the log, and adds the seals to the copy."""

    interval = 60.0
    what = "The sealing of the log"

    def run_if_due(self) -> None:
        if conf.seals() is not None:
            super().run_if_due()

    def work(self) -> None:
        try:
            maintenance.maintain(self._using)
        except ErasureNotEnded:
            logger.warning("Nothing is sealed: the erasure of a person is in progress or was interrupted")
