"""Runs a job of the worker in a thread with a database connection of its own. The other jobs do not wait for it."""

from __future__ import annotations

import logging
import math
import time
from threading import Thread
from typing import Any, ClassVar

from django.db import OperationalError, connections

from presence_events import database_connections
from projections._worker.delivery import one_line

__all__ = ["RETRY_INTERVAL", "BackgroundJob"]

logger = logging.getLogger("projections.worker")

RETRY_INTERVAL = 60.0
"""Seconds after which a run that failed is tried again, at most."""


class BackgroundJob:
    """A job in the database ``using``. Subclasses have the job, and say how often it runs and what it is called."""

    interval: float
    """Seconds between two runs."""
    what: str
    """What is done, for the log. It begins a sentence."""
    max_stop: ClassVar[float] = math.inf
    """Seconds that a stop waits for the end of a run. A run that goes on after that ends with the process."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._due = 0.0
        self._is_stopped = False
        self._thread: Thread | None = None
        self._connection: Any = None

    def work(self) -> None:
        """Does the job once."""
        raise NotImplementedError

    def run_if_due(self) -> None:
        """Starts a run if the last one has ended and its interval has passed."""
        if time.monotonic() >= self._due and not self._is_running and not self._is_stopped:
            self._due = time.monotonic() + self.interval
            self._thread = Thread(target=self._run, name="presence-background-job", daemon=True)
            self._thread.start()

    def make_due(self) -> None:
        """Makes the next `run_if_due` start a run without waiting for the interval."""
        self._due = 0.0

    def stop(self) -> None:
        """Cancels the statement of a run that is under way, and waits for its end. The next run continues."""
        self._is_stopped = True
        deadline = time.monotonic() + self.max_stop
        while self._is_running and time.monotonic() < deadline:
            if self._connection is not None:
                self._connection.cancel_safe()
            self._thread.join(0.05)  # type: ignore[union-attr]

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        connection = connections[self._using]
        try:
            connection.ensure_connection()
            self._connection = connection.connection
            self.work()
        except OperationalError as error:
            self._due = time.monotonic() + min(self.interval, RETRY_INTERVAL)
            if not self._is_stopped:
                logger.warning("%s is done later: %s", self.what, one_line(error))
        except Exception:
            self._due = time.monotonic() + min(self.interval, RETRY_INTERVAL)
            logger.exception("%s failed", self.what)
        finally:
            self._connection = None
            database_connections.release(self._using)
