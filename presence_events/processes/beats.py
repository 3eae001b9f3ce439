"""Sends the beats of a server process on a timer.

A beat is sent between two batches of the group commit and on their connection, so neither a query of the application
nor a burst of joins delays it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

from presence_events.processes.registry import Registration, beat_interval

__all__ = ["MAX_RETRY_DELAY", "BeatTimer"]

MAX_RETRY_DELAY = 1.0
"""Seconds between a beat that failed and the next, at most."""


class BeatTimer:
    """Sends the beats of ``registration`` while the running event loop runs.

    ``call_in_thread`` schedules a function in a thread that may use the database.
    """

    def __init__(self, registration: Registration, call_in_thread: Callable[[Callable[[], None]], None]) -> None:
        self._registration = registration
        self._call_in_thread = call_in_thread
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_progress = False
        self._is_stopped = False

    def start(self) -> None:
        """Sends the first beat. Does nothing if the timer runs, was stopped, or the registration may not claim."""
        if self._timer is None and not self._is_stopped and self._registration.claim_name is not None:
            self._registration.has_beats = True
            self._on_timer()

    def stop(self) -> None:
        """Stops the timer. It cannot be started again."""
        self._is_stopped = True
        self._registration.end()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        # An empty context: the timer would keep the context of the first caller for as long as the loop runs.
        self._timer = self._loop.call_later(beat_interval(), self._on_timer, context=Context())
        if not self._is_in_progress:
            self._is_in_progress = True
            self._call_in_thread(self._beat)

    def _beat(self) -> None:
        try:
            is_sent = self._registration.beat()
        finally:
            self._is_in_progress = False
        follow_up = self._registration.notify if is_sent else self._retry_soon
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            self._loop.call_soon_threadsafe(follow_up, context=Context())

    def _retry_soon(self) -> None:
        """Brings the next beat forward, because one has failed."""
        if self._timer is not None and self._timer.when() > self._loop.time() + MAX_RETRY_DELAY:
            self._timer.cancel()
            self._timer = self._loop.call_later(MAX_RETRY_DELAY, self._on_timer, context=Context())
