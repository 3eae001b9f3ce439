"""Everything that keeps the live connections of one event loop: what serves them in each database, and the drain.

A prune that this process recorded is reviewed at once, and so is a leave for an exclusive join of another connection.
Those of another process are found by the next heartbeat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any

from presence_events.concurrency import PerLoop
from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow
from presence_events.signals import arows_committed, events_committed
from projections._live import registry
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection
from projections._live.drain import Drain
from projections._live.live_database import LiveDatabase
from projections._live.verdict import Ending

__all__ = ["LiveLoop", "current"]


class LiveLoop:
    """The live connections of one event loop, and what serves them. It is the `Host` of these connections.

    Use it in the event loop, except for methods that state otherwise.
    """

    def __init__(self) -> None:
        self.tasks = BackgroundTasks()
        self.drain = Drain(self._has_cancelled)
        self._databases: dict[str, LiveDatabase] = {}

    def database(self, using: str) -> LiveDatabase:
        """Returns what serves the connections in the database ``using``. Call it in any thread."""
        if using not in self._databases:
            self._databases.setdefault(using, LiveDatabase(using, self.tasks))
        return self._databases[using]

    def enter(self, connection: Connection, using: str) -> None:
        """Registers ``connection``, which is about to join its first room in the database ``using``.

        Does nothing if it has ended already.
        """
        if not connection.ended:
            self.database(using).enter(connection)

    async def end(self, connection: Connection, *, cancelled: bool) -> None:
        """Ends ``connection``, whose consumer has ended. It leaves every room; a failure is logged.

        If the server ``cancelled`` the consumer, this also waits for the leaves of all other consumers (`Drain`).
        """
        connection.ended = True
        for using in connection.databases:
            self.database(using).exit(connection)
        if connection.joined:
            await self.drain.run(connection.leave_all(), cancelled=cancelled)
        elif cancelled:
            await self.drain.wait()

    def schedule_close(self, connection: Connection) -> None:
        """Closes the socket of ``connection`` soon. Call it in any thread."""
        connection.loop.call_soon_threadsafe(self.tasks.start, connection.close)

    def schedule_review(self, connection: Connection) -> None:
        """Reviews ``connection`` soon, because a stay of it ended elsewhere."""
        for using in connection.databases:
            self.database(using).reviewer.schedule(connection)

    def find_endings(self, stays: Collection[tuple[str, str]], using: str) -> dict[tuple[str, str], Ending]:
        """Returns how those of ``stays`` that are not present ended. Runs queries: call it in the thread for them."""
        return self.database(using).reviewer.find_endings(stays)

    def _has_cancelled(self) -> bool:
        return any(each.registry.has_cancelled() for each in self._databases.values())


def current() -> LiveLoop:
    """Returns the `LiveLoop` of the running event loop. Creates it if there is none."""
    return _by_loop.current()


def _new() -> LiveLoop:
    # Connected here and not at import: a process without such consumers does not pay for the receivers.
    events_committed.connect(_on_commit, dispatch_uid="projections._live.live_loop")
    arows_committed.connect(_on_acommit, dispatch_uid="projections._live.live_loop")
    return LiveLoop()


_by_loop = PerLoop(_new)


def _on_commit(events: Iterable[PresenceEvent | EventRow], using: str, **kwargs: Any) -> None:
    for event in events:
        was_ended = event.kind == "prune" or (event.kind == "leave" and event.is_exclusive)
        connection = registry.find(str(event.channel_name)) if was_ended else None
        if connection is not None:
            # RuntimeError: the loop is closed, so it has no connections any more.
            with suppress(RuntimeError):
                connection.loop.call_soon_threadsafe(connection.host.schedule_review, connection)


async def _on_acommit(rows: list[EventRow], using: str, **kwargs: Any) -> None:
    _on_commit(rows, using)
