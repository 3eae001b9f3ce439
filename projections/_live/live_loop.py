"""Everything that keeps the live connections of one event loop: registry, heartbeat, reviews and drain.

A prune that this process recorded is reviewed at once. A prune by another process is found by the next heartbeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from presence_events.models import PresenceEvent
from presence_events.signals import aevents_committed, events_committed
from projections._live import registry
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection
from projections._live.drain import Drain
from projections._live.heartbeat import Heartbeat
from projections._live.missing_stays import Reviewer
from projections._live.registry import Registry
from projections._live.regroup import Regrouper
from projections._live.verdict import Ending

__all__ = ["LiveLoop", "current"]


class LiveLoop:
    """The live connections of one event loop, and what serves them. It is the `Host` of these connections.

    Use it in the event loop, except for methods that state otherwise.
    """

    def __init__(self) -> None:
        self.tasks = BackgroundTasks()
        self.registry = Registry()
        self.reviewer = Reviewer(self.registry, self.tasks)
        self.regrouper = Regrouper(self.registry)
        self.heartbeat = Heartbeat(self.registry, self.reviewer, self.regrouper, self.tasks)
        self.drain = Drain(self.registry.has_cancelled)

    def enter(self, connection: Connection) -> None:
        """Registers ``connection``, which is about to join its first room. Does nothing if it has ended already."""
        if not connection.ended:
            self.registry.enter(connection)
            self.heartbeat.start()

    async def end(self, connection: Connection, *, cancelled: bool) -> None:
        """Ends ``connection``, whose consumer has ended. It leaves every room; a failure is logged.

        If the server ``cancelled`` the consumer, this also waits for the leaves of all other consumers (`Drain`).
        """
        connection.ended = True
        self.registry.exit(connection)
        if not self.registry:
            self.heartbeat.stop()
        if connection.joined:
            await self.drain.run(connection.leave_all(), cancelled=cancelled)
        elif cancelled:
            await self.drain.wait()

    def schedule_close(self, connection: Connection) -> None:
        """Closes the socket of ``connection`` soon. Call it in any thread."""
        connection.loop.call_soon_threadsafe(self.tasks.start, connection.close)

    def schedule_review(self, connection: Connection) -> None:
        """Reviews ``connection`` soon, because a stay of it was pruned."""
        self.reviewer.schedule(connection)

    def find_endings(self, stays: Collection[tuple[str, str]]) -> dict[tuple[str, str], Ending]:
        """Returns how those of ``stays`` that are not present ended. Runs queries: call it in the thread for them."""
        return self.reviewer.find_endings(stays)


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, LiveLoop] = WeakKeyDictionary()


def current() -> LiveLoop:
    """Returns the `LiveLoop` of the running event loop. Creates it if there is none."""
    loop = asyncio.get_running_loop()
    live_loop = _by_loop.get(loop)
    if live_loop is None:
        _by_loop[loop] = live_loop = LiveLoop()
        # Connected here and not at import: a process without such consumers does not pay for the receivers.
        events_committed.connect(_on_commit, dispatch_uid="projections._live.live_loop")
        aevents_committed.connect(_on_acommit, dispatch_uid="projections._live.live_loop")
    return live_loop


def _on_commit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    for event in events:
        connection = registry.find(str(event.channel_name)) if event.kind == "prune" else None
        if connection is not None:
            # RuntimeError: the loop is closed, so it has no connections any more.
            with suppress(RuntimeError):
                connection.loop.call_soon_threadsafe(connection.host.schedule_review, connection)


async def _on_acommit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    _on_commit(events, using)
