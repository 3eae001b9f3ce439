"""Maintains and removes segments of the log beside the other jobs of the worker, which do not wait for it."""

from __future__ import annotations

import logging
import time
from threading import Thread
from typing import Any

from django.db import OperationalError, connections

from presence_events import conf, database_connections
from presence_events.exceptions import RetentionIsRunning
from presence_events.segments import maintenance, statements
from projections._worker.delivery import one_line
from projections.retention import removing

__all__ = ["LogMaintenance"]

logger = logging.getLogger("projections.worker")

INTERVAL = 3600.0
"""Seconds between two runs."""

RETRY_INTERVAL = 60.0
"""Seconds after which a run that failed is tried again."""


class LogMaintenance:
    """Maintains the log in the database ``using``, in a thread with a connection of its own.

    If ``CHANNELS_PRESENCE_RETENTION`` is set, it also removes old segments.

    It does nothing if the role of the worker does not own the tables: `presence_status` then says what to run.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        self._due = 0.0
        self._is_stopped = False
        self._thread: Thread | None = None
        self._connection: Any = None

    def run_if_due(self) -> None:
        """Starts a run if the last one has ended and its interval has passed."""
        if time.monotonic() >= self._due and not self._is_running and not self._is_stopped:
            self._due = time.monotonic() + INTERVAL
            self._thread = Thread(target=self._run, name="presence-log-maintenance", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Cancels the statement of a run that is under way, and waits for its end. The next run continues."""
        self._is_stopped = True
        while self._is_running:
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
            if statements.is_owner(self._using):
                maintenance.maintain(self._using)
                if conf.retention():
                    removing.apply(self._using)
        except RetentionIsRunning:
            logger.info("Another process removes segments of the log")
        except OperationalError as error:
            self._due = time.monotonic() + RETRY_INTERVAL
            if not self._is_stopped:
                logger.warning("The segments of the log are maintained later: %s", one_line(error))
        except Exception:
            self._due = time.monotonic() + RETRY_INTERVAL
            logger.exception("The segments of the log could not be maintained")
        finally:
            self._connection = None
            database_connections.release(self._using)
