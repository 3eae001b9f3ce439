"""Reviews missing stays: looks up in the log how they ended, and evicts, heals or forgets (`verdict.decide`)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from functools import partial
from typing import NamedTuple

from django.db import InterfaceError, OperationalError

from presence_events.concurrency import in_thread
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection, Stay
from projections._live.registry import Registry
from projections._live.stopwatch import Stopwatch
from projections._live.verdict import Ending, find_endings

__all__ = ["Missing", "Reviewer", "log_failure"]

logger = logging.getLogger("projections.heartbeat")


def log_failure(what: str, error: Exception) -> None:
    """Logs that ``what`` failed and is repeated: a warning of one line while the database is unavailable.

    Logs nothing while the process exits and its threads take no more calls.
    """
    if isinstance(error, RuntimeError) and "cannot schedule new futures after" in str(error):
        return
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.warning("%s The next heartbeat retries. The database is unavailable: %s", what, error)
    else:
        logger.error("%s The next heartbeat retries.", what, exc_info=error)


class Missing(NamedTuple):
    """The stays that a heartbeat did not touch. Some may still be present: the review looks that up first.

    ``stays`` includes stays whose presence another transaction had locked, and all stays of the connections for which
    the process does not vouch. ``process_stalled`` is whether the heartbeat before was older than the maximal age.
    ``since`` was started before the heartbeat.
    """

    stays: list[tuple[Connection, list[Stay]]]
    process_stalled: bool
    since: Stopwatch


class Reviewer:
    """Reviews the connections of a registry, in the database ``using``.

    Use it in their event loop, except for `find_endings`.
    """

    def __init__(self, registry: Registry, tasks: BackgroundTasks, using: str) -> None:
        self._registry = registry
        self._tasks = tasks
        self._using = using
        self._last_review = Stopwatch()
        self._scheduled: set[Connection] = set()

    def find_endings(self, stays: Collection[tuple[str, str]]) -> dict[tuple[str, str], Ending]:
        """Returns how those of ``stays`` that are not present ended since the last review of missing stays.

        Runs queries: call it in the thread for them.
        """
        return find_endings(stays, self._last_review.elapsed(), self._using)

    def schedule(self, connection: Connection) -> None:
        """Reviews ``connection`` soon, because a stay of it was pruned.

        Connections that are scheduled before the review starts share it.
        """
        if not self._scheduled:
            self._tasks.start(self._review_scheduled)
        self._scheduled.add(connection)

    async def review(self, missing: Missing) -> None:
        """Reviews what a heartbeat found missing. Later searches in the log begin at that heartbeat, if it succeeds.

        Raises what the query raises. Rejoins that fail are logged: the next heartbeat finds the same stays missing.
        """
        await self._review(missing.stays, missing.process_stalled)
        self._last_review = missing.since

    async def _review(self, missing: list[tuple[Connection, list[Stay]]], process_stalled: bool) -> None:
        missing = [(connection, stays) for connection, stays in missing if stays]
        if not missing:
            return
        pairs = [(stay.room, connection.channel_name) for connection, stays in missing for stay in stays]
        endings = await in_thread(partial(self.find_endings, pairs))
        to_heal = [
            (connection, connection.apply_verdicts(stays, endings, process_stalled=process_stalled))
            for connection, stays in missing
        ]
        results = await asyncio.gather(
            *(connection.rejoin(stays) for connection, stays in to_heal if stays), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            logger.error(
                "%s connections could not rejoin their rooms. The next heartbeat retries.",
                len(failures),
                exc_info=failures[0],
            )

    async def _review_scheduled(self) -> None:
        scheduled, self._scheduled = self._scheduled, set()
        process_stalled = self._registry.is_stalled()
        try:
            await self._review(
                [(connection, connection.stays(self._using)) for connection in scheduled], process_stalled
            )
        except Exception as error:
            log_failure("Could not review pruned connections.", error)
