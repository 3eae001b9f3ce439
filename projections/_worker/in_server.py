"""Prunes inside a server process, for development and for sites of one process (``CHANNELS_PRESENCE_PRUNE_IN_SERVER``).

A server process begins with its first request or its first claimed join. In each step it ends what processes left that
are known to have ended: above all the process that ``runserver`` has just replaced. It also prunes silent connections
and empty rooms. It can run beside any number of others and beside a worker: each prune is recorded once, and the
process that records it sends the signals.

A step records with the coroutines of the event loop, so the groups of the in-memory layer and the receivers are reached
as by a consumer. It looks at the database before it records, on the connection of the thread for Django's ORM. If that
fails, because the database is unavailable or not migrated, the step is left out and nothing is logged above DEBUG.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from django.core.signals import request_started
from django.db import connections

from presence_events import sql
from presence_events.concurrency import in_thread, sending_loop
from presence_events.databases.rooms import aliases
from presence_events.models import PresenceEvent
from presence_events.processes import names, registry
from presence_events.recorder import EventRow, arecord_rows
from presence_events.signals import arows_committed, events_committed
from presence_events.test_databases import is_test_database
from projections import selections
from projections._live.background import BackgroundTasks
from projections._live.stopwatch import Stopwatch
from projections._worker.dead_servers import GRACE
from projections._worker.maintenance import ROOM_PRUNE_INTERVAL, prune_interval
from projections.models import Process

__all__ = ["InServer", "connect", "disconnect"]

logger = logging.getLogger("projections.in_server")

_UID = "projections._worker.in_server"


def connect() -> None:
    """Makes this process prune from its first request or claimed join on, if it turns out to be a server process."""
    request_started.connect(_on_request, dispatch_uid=_UID)
    events_committed.connect(_on_commit, dispatch_uid=_UID)
    arows_committed.connect(_on_acommit, dispatch_uid=_UID)


def disconnect() -> None:
    """Undoes `connect`. What has begun goes on."""
    for signal in (request_started, events_committed, arows_committed):
        signal.disconnect(dispatch_uid=_UID)


class InServer:
    """Prunes in the database ``using`` on a timer of the running event loop."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._tasks = BackgroundTasks()
        # Clients of the process that was replaced connect again soon, and their rooms need not be pruned before.
        self._since_rooms = Stopwatch()

    def start(self) -> None:
        """Runs the first step, and then one in every `prune_interval`, for as long as the event loop runs."""
        self._tasks.start(self._run)

    async def step(self, *, is_late: bool = False) -> None:
        """Runs one step. After a pause of the process (``is_late``) it prunes no silent connections.

        Those of this process are silent because it did not run. Its heartbeat comes first.
        """
        seen_at = await in_thread(partial(_ended_processes, self._using))
        if seen_at:
            ended, seen = list(seen_at), list(seen_at.values())
            await arecord_rows(selections.prune_dead_servers(ended, seen, GRACE), using=self._using)
            parameters = {"names": ended, "seen": seen, "grace": GRACE}
            end_leases = "queries/dead_servers/end_leases"
            await in_thread(partial(sql.rows_of_now, "projections", end_leases, parameters, using=self._using))
        if not is_late:
            await arecord_rows(selections.prune_presences(None, None), using=self._using)
        if self._since_rooms.elapsed() >= ROOM_PRUNE_INTERVAL:
            self._since_rooms = Stopwatch()
            await arecord_rows(selections.prune_rooms(), using=self._using)
            await in_thread(Process.objects.db_manager(self._using).end_expired_leases)

    async def _run(self, *, is_late: bool = False) -> None:
        try:
            await self.step(is_late=is_late)
        except Exception as error:
            logger.debug("A step was left out: %r", error)
        interval = prune_interval()
        asyncio.get_running_loop().call_later(interval, self._on_timer, interval, Stopwatch(), context=Context())

    def _on_timer(self, interval: float, since: Stopwatch) -> None:
        self._tasks.start(partial(self._run, is_late=since.elapsed() > 2 * interval))


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, InServer]] = WeakKeyDictionary()


def _on_request(sender: Any, **kwargs: Any) -> None:
    loop = sending_loop()
    if loop is not None:
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            for alias in aliases():
                loop.call_soon_threadsafe(_start, alias, context=Context())


def _on_commit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    loop = sending_loop()
    if loop is not None and _has_claimed_join(events):
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_start, using, context=Context())


async def _on_acommit(rows: list[EventRow], using: str, **kwargs: Any) -> None:
    if _has_claimed_join(rows):
        _start(using)


def _has_claimed_join(events: Iterable[PresenceEvent | EventRow]) -> bool:
    return any(event.kind == "join" and event.process for event in events)


def _start(using: str) -> None:
    """Starts the timer of the running event loop for ``using``, if the loop is that of a server and has none."""
    loop = asyncio.get_running_loop()
    of_loop = _of_loops.setdefault(loop, {})
    # A loop without a claim runs no longer than one call. A test runner truncates and drops its databases.
    is_server = registry.registration(loop, using).claim_name is not None
    if using not in of_loop and is_server and not is_test_database(connections[using]):
        of_loop[using] = InServer(using)
        of_loop[using].start()


def _ended_processes(using: str) -> dict[str, int]:
    """Returns the registered processes that have ended, with the times of their last beats in microseconds."""
    return {name: seen for name, seen in _rows("processes", using) if names.has_ended(name)}


def _rows(query: str, using: str, params: dict[str, Any] | None = None) -> list[Any]:
    return sql.rows("projections", f"queries/dead_servers/{query}", params, using=using)
