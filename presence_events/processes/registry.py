"""The registry of server processes: each claims the joins that it records, and sends beats.

A server process is an event loop, since sockets belong to event loops. It claims the joins that its coroutines record,
and those of the threads that work for it. Code without a long-running event loop, such as a management command, a
Celery task or a view under WSGI, has no sockets and claims nothing.

An event loop that has claimed a join sends a beat every `beat_interval` seconds (`presence_events.processes.beats`). A
beat is one event in the log, a touch of the process. It keeps all connections alive that depend on the lease of the
process, whatever their number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from threading import Lock
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync

from presence_events import conf, sql
from presence_events.database_connections import make_ready, release
from presence_events.processes import names

__all__ = [
    "BEATS_PER_MAX_AGE",
    "CHECKS_UNTIL_DEAD",
    "CHECK_INTERVAL",
    "MAX_BEAT_INTERVAL",
    "MIN_BEAT_INTERVAL",
    "Registration",
    "beat_interval",
    "registration",
]

logger = logging.getLogger("presence_events.processes")

MAX_BEAT_INTERVAL = 10.0
"""Seconds between two beats of a process, at most. Dead-server detection expects a beat within this time."""

MIN_BEAT_INTERVAL = 0.1
"""Seconds between two beats of a process, at least."""

BEATS_PER_MAX_AGE = 3
"""Beats in the maximal age, at least. More than one, so that no connection expires when one beat fails or is late."""

LOCK_TIMEOUT = "100ms"
"""How long a beat waits for the lease, which a prune in a transaction of the application may have locked."""

CHECK_INTERVAL = 5.0
"""Seconds between two checks of dead-server detection."""

CHECKS_UNTIL_DEAD = 5
"""Consecutive checks that must find a process unchanged to declare it dead. Together they are longer than two beats."""


def beat_interval() -> float:
    """Returns the seconds between two beats: a third of ``CHANNELS_PRESENCE_MAX_AGE``, within the two bounds."""
    return max(min(conf.max_age() / BEATS_PER_MAX_AGE, MAX_BEAT_INTERVAL), MIN_BEAT_INTERVAL)


class Registration:
    """The registration of an event loop in the database ``alias``.

    ``may_claim`` is False for a loop that runs no longer than one call. Such a loop claims nothing and sends no beats.

    ``listeners`` are called in the event loop after each beat.
    """

    def __init__(self, alias: str, *, may_claim: bool) -> None:
        self.name = names.new_name()
        self.has_beats = False
        self.listeners: list[Callable[[], None]] = []
        self._is_failing = False
        self._alias = alias
        self._may_claim = may_claim

    @property
    def claim_name(self) -> str | None:
        """The name to claim joins for. None if joins must not be claimed."""
        return self.name if self._may_claim else None

    def beat(self) -> bool:
        """Sends a beat, on the connection of this thread. Returns whether that succeeded.

        Logs the first of repeated failures.
        """
        try:
            make_ready(self._alias)
            params = {"name": self.name, "lock_timeout": LOCK_TIMEOUT}
            sql.rows("presence_events", "queries/processes/beat", params, using=self._alias)
        except Exception as error:
            if not self._is_failing:
                logger.warning("%s cannot send a beat to the database %r: %s", self.name, self._alias, error)
            self._is_failing = True
            release(self._alias)
            return False
        self._is_failing = False
        return True

    def end(self) -> None:
        """Ends the beats and forgets the listeners, which refer to the event loop and would keep it in memory."""
        self.has_beats = False
        self.listeners.clear()

    def notify(self) -> None:
        """Calls the listeners. Call it in the event loop."""
        for listener in list(self.listeners):
            listener()


_registrations: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Registration]] = WeakKeyDictionary()
_lock = Lock()


def registration(loop: asyncio.AbstractEventLoop, alias: str) -> Registration:
    """Returns the registration of ``loop`` in the database ``alias``. Safe to call from any thread."""
    with _lock:
        of_loop = _registrations.setdefault(loop, {})
        if alias not in of_loop:
            # A loop of async_to_sync runs no longer than the call, so it has no sockets.
            of_loop[alias] = Registration(alias, may_claim=loop not in AsyncToSync.loop_thread_executors)
        return of_loop[alias]
