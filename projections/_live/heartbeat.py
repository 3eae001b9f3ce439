"""Touches the live connections of an event loop on a timer. Clients send nothing for it.

Three times in ``CHANNELS_PRESENCE_MAX_AGE`` seconds one statement touches all connections of the loop that are in a
room of one database. Its answer shows which stays are missing: the statement did not touch them, although their
consumer did not leave. These are reviewed (`missing_stays`), and part of the groups are renewed (`regroup`).

The timer runs only while there are connections. A heartbeat that fails is logged and retried.
"""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context

from presence_events.recorder import arecord_quietly
from projections import conf, selections
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection, Stay
from projections._live.missing_stays import Missing, Reviewer, log_failure
from projections._live.registry import Registry
from projections._live.regroup import Regrouper
from projections._live.stopwatch import Stopwatch

__all__ = ["HEARTBEATS_PER_MAX_AGE", "MAX_RETRY_DELAY", "MIN_INTERVAL", "Heartbeat"]

logger = logging.getLogger("projections.heartbeat")

HEARTBEATS_PER_MAX_AGE = 3
"""Heartbeats in the maximal age. More than one, so that no connection expires when one heartbeat fails or is late."""

MIN_INTERVAL = 0.1
"""Seconds between two heartbeats, at least."""

MAX_RETRY_DELAY = 1.0
"""Seconds between a heartbeat that failed and the next, at most. An unavailable database is often available again by
then."""


class Heartbeat:
    """The heartbeat of the connections of a registry, in the database ``using``. Use it in their event loop."""

    def __init__(
        self, registry: Registry, reviewer: Reviewer, regrouper: Regrouper, tasks: BackgroundTasks, using: str
    ) -> None:
        self._registry = registry
        self._reviewer = reviewer
        self._regrouper = regrouper
        self._tasks = tasks
        self._using = using
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._following_up = False

    def start(self) -> None:
        """Starts the timer. Does nothing if it is running, or if a heartbeat is in progress, which restarts it."""
        if self._timer is None and self._task is None:
            self._registry.last_touched = Stopwatch()
            self._reviewer.restart()
            self._schedule()

    def stop(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def touch_all(self) -> Missing:
        """Touches the connections that the process vouches for in one statement. Returns the stays not touched."""
        now = Stopwatch()
        present: set[tuple[str, str]] = set()
        expected = [(connection, connection.stays(self._using)) for connection in self._registry]
        vouched = [
            (stay.room, connection.channel_name)
            for connection, stays in expected
            if connection.heartbeat
            for stay in stays
        ]
        if vouched:
            touched = await arecord_quietly(selections.heartbeat(vouched), using=self._using)
            present = {(one.room, one.channel_name) for one in touched}
        missing: list[tuple[Connection, list[Stay]]] = []
        for connection, stays in expected:
            seen: list[Stay] = []
            unseen: list[Stay] = []
            for stay in stays:
                (seen if (stay.room, connection.channel_name) in present else unseen).append(stay)
            connection.mark_seen(seen, now)
            missing.append((connection, unseen))
        process_stalled = self._registry.is_stalled()
        self._registry.last_touched = now
        return Missing(missing, process_stalled, now)

    async def _run(self) -> None:
        failed = True
        try:
            missing = await self.touch_all()
            failed = False
        except Exception:
            logger.exception("The heartbeat of %s connections failed. It will be retried.", len(self._registry))
        finally:
            self._task = None
            if self._registry:
                self._schedule(is_retry=failed)
        # Healing can take long, because it waits for channel layers and receivers. The next heartbeat does not wait.
        if not failed and not self._following_up:
            self._following_up = True
            try:
                await self._reviewer.review(missing)
                await self._regrouper.renew()
            except Exception as error:
                log_failure("Could not review missing stays or renew groups.", error)
            finally:
                self._following_up = False

    def _schedule(self, *, is_retry: bool = False) -> None:
        seconds = max(conf.max_age() / HEARTBEATS_PER_MAX_AGE, MIN_INTERVAL)
        # An empty context: that of the first consumer would be kept for as long as there are connections.
        self._timer = asyncio.get_running_loop().call_later(
            min(seconds, MAX_RETRY_DELAY) if is_retry else seconds, self._on_timer, context=Context()
        )

    def _on_timer(self) -> None:
        self._timer = None
        self._task = self._tasks.start(self._run)
