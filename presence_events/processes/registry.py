"""The registry of server processes: each claims the joins that it records, and keeps its registration alive.

A server process is an event loop, since sockets belong to event loops. It claims the joins that its coroutines record,
and those of the threads that work for it. Code without a long-running event loop, such as a management command, a
Celery task or a view under WSGI, has no sockets and claims nothing.

An event loop that has claimed a join renews its row of ``presence_process`` every `KEEP_ALIVE_INTERVAL` seconds. It
does so between two batches of its group commit and on their connection, so neither a query of the application nor a
burst of joins delays it. A process that the database does not let write its row claims nothing: it would be taken for
dead, and its connections would be pruned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context
from threading import Lock
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync
from django.db import InterfaceError, InternalError, OperationalError

from presence_events import sql
from presence_events.database_connections import make_ready, release
from presence_events.processes import names

__all__ = ["CHECKS_UNTIL_DEAD", "KEEP_ALIVE_INTERVAL", "KeepAliveTimer", "Registration", "registration"]

logger = logging.getLogger("presence_events.processes")

KEEP_ALIVE_INTERVAL = 5.0
"""Seconds between two keep-alives of a process."""

CHECKS_UNTIL_DEAD = 4
"""Consecutive checks, `KEEP_ALIVE_INTERVAL` seconds apart, that must find a process unchanged to declare it dead."""

MAX_RETRY_DELAY = 1.0
"""Seconds between two keep-alives while the database is unavailable."""


class Registration:
    """The registration of an event loop in the database ``alias``.

    ``may_claim`` is False for a loop that runs no longer than one call. Such a loop is never registered.
    """

    def __init__(self, alias: str, *, may_claim: bool) -> None:
        self.name = names.new_name()
        self.is_kept_alive = False
        self.is_database_unavailable = False
        self._is_refused = False
        self._alias = alias
        self._may_claim = may_claim

    @property
    def claim_name(self) -> str | None:
        """The name to claim joins for. None if joins must not be claimed."""
        return self.name if self._may_claim and not self._is_refused else None

    def keep_alive(self) -> None:
        """Renews the row of the process, on the connection of this thread. Logs the first of repeated failures."""
        try:
            make_ready(self._alias)
            params = {"name": self.name}
            sql.rows("presence_events", "queries/registry/keep_alive", params, using=self._alias)
        except Exception as error:
            if not self.is_database_unavailable and not self._is_refused:
                logger.warning("%s cannot renew its keep-alive in the database %r: %s", self.name, self._alias, error)
            # A former primary, which has become read-only, raises InternalError.
            self.is_database_unavailable = isinstance(error, (OperationalError, InterfaceError, InternalError))
            self._is_refused = not self.is_database_unavailable
            release(self._alias)
        else:
            self.is_database_unavailable = self._is_refused = False


class KeepAliveTimer:
    """Keeps ``registration`` alive while the running event loop runs.

    ``call_in_thread`` schedules a function in a thread that may use the database.
    """

    def __init__(self, registration: Registration, call_in_thread: Callable[[Callable[[], None]], None]) -> None:
        self._registration = registration
        self._call_in_thread = call_in_thread
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_progress = False
        self._is_stopped = False

    def start(self) -> None:
        """Starts the timer. Does nothing if it runs, was stopped, or the registration may not claim."""
        if self._timer is None and not self._is_stopped and self._registration.claim_name is not None:
            self._registration.is_kept_alive = True
            self._on_timer()

    def stop(self) -> None:
        """Stops the timer. It cannot be started again."""
        self._is_stopped = True
        self._registration.is_kept_alive = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        is_retry = self._registration.is_database_unavailable
        delay = min(KEEP_ALIVE_INTERVAL, MAX_RETRY_DELAY) if is_retry else KEEP_ALIVE_INTERVAL
        # An empty context: the timer would keep the context of the first caller for as long as the loop runs.
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer, context=Context())
        if not self._is_in_progress:
            self._is_in_progress = True
            self._call_in_thread(self._keep_alive)

    def _keep_alive(self) -> None:
        try:
            self._registration.keep_alive()
        finally:
            self._is_in_progress = False


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
