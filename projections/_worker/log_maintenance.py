"""Maintains and removes segments of the log beside the other jobs of the worker."""

from __future__ import annotations

import logging

from presence_events import conf
from presence_events.exceptions import RetentionIsRunning
from presence_events.segments import maintenance, statements
from projections._worker.background_job import BackgroundJob
from projections.erasure.forgetting import forget
from projections.retention import removing

__all__ = ["LogMaintenance"]

logger = logging.getLogger("projections.worker")


class LogMaintenance(BackgroundJob):
    """Maintains the log. If ``CHANNELS_PRESENCE_RETENTION`` is set, it also removes old segments.

    It deletes the secrets of the pseudonyms of past days, and forgets stays without history. It does nothing else if
    the role of the worker does not own the tables: `presence_status` then says what to run.
    """

    interval = 3600.0
    what = "The maintenance of the segments of the log"

    def work(self) -> None:
        forget(self._using)
        if not statements.is_owner(self._using):
            return
        maintenance.maintain(self._using)
        if conf.retention():
            try:
                removing.apply(self._using)
            except RetentionIsRunning:
                logger.info("Another process removes segments of the log")
