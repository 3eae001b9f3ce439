"""Follows the log for the main worker, and starts again after errors. An error does not stop maintenance."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from django.db import InterfaceError, InternalError, OperationalError, connections

from presence_events.exceptions import CheckpointMoved
from projections._worker.log_follower import Follower, reset_connections

__all__ = ["ERROR_DELAY", "FOLLOWING", "TRANSIENT_ERRORS", "Delivery", "one_line"]

logger = logging.getLogger("projections.worker")

ERROR_DELAY = 1.0
"""Seconds before the worker, or only its delivery, starts again after an error."""

TRANSIENT_ERRORS = (CheckpointMoved, InterfaceError, InternalError, OperationalError)
"""The database is unavailable, or another worker has taken over. Both may soon be over."""

FOLLOWING = "Following the log."
"""The report of a worker that delivers."""


class Delivery:
    """Delivers the log of the database ``using`` with a `Follower` from ``make``. After an error it makes another one.

    ``report`` is called with what an operator should know: that it follows the log, or why it does not.
    """

    def __init__(self, make: Callable[[], Follower], *, using: str, report: Callable[[str], None]) -> None:
        self._make = make
        self._using = using
        self._report = report
        self._follower: Follower | None = None
        self._retry_at = 0.0
        self._last_error = ""

    @property
    def is_behind(self) -> bool:
        """Whether the log had more events at the last step than that step read."""
        return self._follower is not None and self._follower.is_behind

    def step(self) -> int:
        """Delivers the next batch of events. Returns how many events were read; 0 after an error and while it waits.

        An error is reported or logged, once while the same one repeats, and nothing is raised.
        """
        if time.monotonic() < self._retry_at:
            return 0
        try:
            if self._follower is None:
                self._follower = self._make()
                self._report(FOLLOWING)
            delivered = self._follower.step()
        except Exception as error:
            self._fail(error)
            return 0
        self._last_error = ""
        return delivered

    def _fail(self, error: Exception) -> None:
        self._follower = None
        self._retry_at = time.monotonic() + ERROR_DELAY
        if isinstance(error, TRANSIENT_ERRORS):
            self._report(one_line(error))
            connections[self._using].close()
            return
        if repr(error) != self._last_error:
            logger.error("The delivery of signals failed and is tried again. Maintenance goes on", exc_info=error)
            self._last_error = repr(error)
        reset_connections()


def one_line(error: Exception) -> str:
    """Returns the type and the message of ``error`` in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
