"""Compares the live connections of an event loop with the database after each beat. Clients send nothing for it.

The beat of the process (`presence_events.processes.beats`) keeps all connections alive that depend on its lease. After
each, the process compares its stays with those of the database that depend on this lease: their number, and the sum of
their sessions. If these differ, it compares stay by stay:

- A stay that the database lacks is missing. It is reviewed (`missing_stays`).
- A stay that the process lacks is a ghost, which would live as long as the process. It is pruned if the next beat finds
  it too: a join or leave in progress looks the same.

A connection for which the process no longer vouches is taken off the lease by one touch of its own, and put back on it
by another. Part of the groups are renewed (`regroup`).

A comparison that fails is logged, and the next beat compares again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

from presence_events import sql
from presence_events.concurrency import in_thread
from presence_events.processes import registry as processes
from presence_events.recorder import arecord_quietly, arecord_rows
from projections import selections
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection, Stay
from projections._live.missing_stays import Missing, Reviewer, log_failure
from projections._live.registry import Registry
from projections._live.regroup import Regrouper
from projections._live.stopwatch import Stopwatch

__all__ = ["Heartbeat"]

logger = logging.getLogger("projections.heartbeat")

_Key = tuple[str, str]
"""Room and channel name of a stay."""


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
        self._ghosts: set[int] = set()
        self._is_comparing = False
        self._is_following_up = False

    def start(self) -> None:
        """Compares after each beat from now on, as long as the event loop runs. Does nothing if it does so already.

        It goes on without connections, because the last one may have left a ghost.
        """
        listeners = self._process().listeners
        if self._on_beat not in listeners:
            listeners.append(self._on_beat)

    async def compare(self) -> Missing:
        """Compares the connections with the database once, and prunes ghosts. Returns the stays that are missing."""
        now = Stopwatch()
        process_stalled = self._registry.is_stalled()
        self._registry.last_beat = now
        expected = [(connection, connection.stays(self._using)) for connection in self._registry]
        present = await self._update_leases(expected)
        present |= await self._find_leased(
            {
                (stay.room, connection.channel_name): stay
                for connection, stays in expected
                for stay in stays
                if stay.is_leased
            }
        )
        missing: list[tuple[Connection, list[Stay]]] = []
        for connection, stays in expected:
            seen: list[Stay] = []
            unseen: list[Stay] = []
            for stay in stays:
                (seen if (stay.room, connection.channel_name) in present else unseen).append(stay)
            connection.mark_seen(seen, now)
            missing.append((connection, unseen))
        return Missing(missing, process_stalled, now)

    async def _update_leases(self, expected: Sequence[tuple[Connection, list[Stay]]]) -> set[_Key]:
        """Takes the stays off the lease, or puts them on it, for which the process vouches no more, or again.

        Returns those that are present.
        """
        changes = {
            (stay.room, connection.channel_name): (stay, connection.heartbeat)
            for connection, stays in expected
            for stay in stays
            if stay.is_leased != connection.heartbeat
        }
        if not changes:
            return set()
        drafts = [(room, channel_name, vouched) for (room, channel_name), (_, vouched) in changes.items()]
        recorded = await arecord_quietly(selections.set_leased(drafts), using=self._using)
        touched = {(one.room, one.channel_name) for one in recorded}
        for key in touched:
            stay, vouched = changes[key]
            stay.is_leased = vouched
            stay.session = None  # the touch may have been of a later stay
        return touched

    async def _find_leased(self, stays: dict[_Key, Stay]) -> set[_Key]:
        """Returns those of ``stays`` that the database has on the lease of this process, and prunes ghosts."""
        sessions = [stay.session for stay in stays.values() if stay.session is not None]
        ((count, total),) = await self._query("leased_sum")
        if count == len(sessions) == len(stays) and total == sum(sessions):
            self._ghosts = set()
            return set(stays)
        found = {(room, channel_name): session for session, room, channel_name in await self._query("leased_stays")}
        present = set()
        for key, stay in stays.items():
            if stay.session is None:
                stay.session = found.get(key)
            if key in found and found[key] == stay.session:
                present.add(key)
            else:
                stay.is_leased = False  # if it is present after all, the next beat puts it on the lease again
        await self._prune_ghosts({session for key, session in found.items() if not self._is_known(*key)})
        return present

    def _is_known(self, room: str, channel_name: str) -> bool:
        connection = self._registry.get(channel_name)
        return connection is not None and connection.has_stay(self._using, room)

    async def _prune_ghosts(self, ghosts: set[int]) -> None:
        """Prunes those of ``ghosts`` that were ghosts after the beat before."""
        remaining, self._ghosts = ghosts & self._ghosts, ghosts
        if remaining:
            await arecord_rows(selections.prune_ghosts(remaining, self._process().name), using=self._using)

    async def _query(self, name: str) -> list[tuple[Any, ...]]:
        params = {"name": self._process().name}
        return await in_thread(partial(sql.rows, "projections", f"queries/live/{name}", params, using=self._using))

    def _process(self) -> processes.Registration:
        return processes.registration(asyncio.get_running_loop(), self._using)

    def _on_beat(self) -> None:
        if not self._is_comparing:
            self._is_comparing = True
            self._tasks.start(self._run)

    async def _run(self) -> None:
        try:
            missing = await self.compare()
        except Exception as error:
            log_failure("Could not compare the connections with the database.", error)
            return
        finally:
            self._is_comparing = False
        # Healing can take long, because it waits for channel layers and receivers. The next comparison does not wait.
        if not self._is_following_up:
            self._is_following_up = True
            try:
                await self._reviewer.review(missing)
                await self._regrouper.renew()
            except Exception as error:
                log_failure("Could not review missing stays or renew groups.", error)
            finally:
                self._is_following_up = False
