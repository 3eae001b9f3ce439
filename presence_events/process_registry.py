"""Who has a connection: a server process claims the joins that it records, and says as long as it lives that it does.

A process is an event loop here, since that is what sockets belong to. It claims the joins that its coroutines record,
and those of the threads that work on its behalf. Whoever records without an event loop that goes on running, such as a
management command, a Celery task or a view under WSGI, has no sockets, and claims nothing.

An event loop that has claimed a join renews its row of ``presence_process`` every `KEEP_ALIVE_INTERVAL` seconds, between two flushes
of its group commit and on their connection: neither a query of the application nor a storm of joins holds it up. One
that may not do so claims nothing: it would be taken for dead, and its connections with it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import Callable
from contextvars import Context
from threading import Lock
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync
from django.db import InterfaceError, InternalError, OperationalError

from presence_events import sql
from presence_events.connections import make_ready, release

__all__ = ["CHECKS_UNTIL_DEAD", "KEEP_ALIVE_INTERVAL", "KeepAlive", "Registration", "registration"]

logger = logging.getLogger(__name__)

KEEP_ALIVE_INTERVAL = 5.0
"""Seconds after which a process says again that it is alive."""

CHECKS_UNTIL_DEAD = 4
"""So many looks in a row, `KEEP_ALIVE_INTERVAL` seconds apart, that find a process as it was before take it for dead."""

SOON = 1.0
"""Seconds, at most, until a process says so that could not because the database was away."""


class Registration:
    """What an event loop is called in the registry of the database ``alias``. One that does not go on running
    (``claims`` is False) never gets there."""

    def __init__(self, alias: str, *, claims: bool) -> None:
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.is_kept = False
        self.is_away = False
        self._is_refused = False
        self._alias = alias
        self._claims = claims

    @property
    def claim(self) -> str | None:
        """Whom to record joins for."""
        return self.name if self._claims and not self._is_refused else None

    def renew(self) -> None:
        """The process is alive. On the connection of the calling thread; an outage is logged when it begins."""
        try:
            make_ready(self._alias)
            params = {"name": self.name}
            sql.rows("presence_events", "queries/process_registry/keep_alive", params, using=self._alias)
        except Exception as error:
            if not self.is_away and not self._is_refused:
                logger.warning("%s cannot say in the database %r that it is alive: %s", self.name, self._alias, error)
            # InternalError is what a former primary says, which only reads.
            self.is_away = isinstance(error, (OperationalError, InterfaceError, InternalError))
            self._is_refused = not self.is_away
            release(self._alias)
        else:
            self.is_away = self._is_refused = False


class KeepAlive:
    """Renews ``registration`` for as long as the running event loop runs. ``call`` has a function called in a thread,
    as soon as it may be."""

    def __init__(self, registration: Registration, call: Callable[[Callable[[], None]], None]) -> None:
        self._registration = registration
        self._call = call
        self._timer: asyncio.TimerHandle | None = None
        self._is_under_way = False
        self._is_over = False

    def start(self) -> None:
        if self._timer is None and not self._is_over and self._registration.claim is not None:
            self._registration.is_kept = True
            self._on_time()

    def stop(self) -> None:
        """For good."""
        self._is_over = True
        self._registration.is_kept = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_time(self) -> None:
        pause = min(KEEP_ALIVE_INTERVAL, SOON) if self._registration.is_away else KEEP_ALIVE_INTERVAL
        # Not the context of whoever came first: it would live as long as the loop does.
        self._timer = asyncio.get_running_loop().call_later(pause, self._on_time, context=Context())
        if not self._is_under_way:
            self._is_under_way = True
            self._call(self._renew)

    def _renew(self) -> None:
        try:
            self._registration.renew()
        finally:
            self._is_under_way = False


_registrations: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Registration]] = WeakKeyDictionary()
_lock = Lock()


def registration(loop: asyncio.AbstractEventLoop, alias: str) -> Registration:
    """That of ``loop`` in the database ``alias``. In any thread."""
    with _lock:
        of_loop = _registrations.setdefault(loop, {})
        if alias not in of_loop:
            # A loop of async_to_sync lives no longer than the call, and so has no sockets.
            of_loop[alias] = Registration(alias, claims=loop not in AsyncToSync.loop_thread_executors)
        return of_loop[alias]
