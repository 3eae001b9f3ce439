"""The connection of an asynchronous consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from typing import Any

from presence_events.concurrency import in_thread
from presence_events.databases.each import aon_each
from presence_events.exceptions import AlreadyPresent
from projections._live.connection import Connection, Stay
from projections._live.joins import ajoin
from projections._live.limits import Limits
from projections._live.managers import presences, rooms
from projections._live.stopwatch import Stopwatch

__all__ = ["AsyncConnection"]


class AsyncConnection(Connection):
    """Does everything in the event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = asyncio.Lock()

    # Join, leave and rejoin are shielded: each holds the lock until it is done, even if its caller is cancelled.
    # Otherwise the next operation could overtake it, above all the end of the connection.

    async def join(self, channel_name: str, room: str, user: Any, data: Any, limits: Limits) -> None:
        """Joins ``room``, and registers the connection with its first join. Does nothing after its end."""
        using, is_first = self._begin_join(channel_name, room)
        if is_first:
            self.host.enter(self, using)
        await asyncio.shield(self._join(using, room, user, data, limits))

    async def leave(self, channel_name: str, room: str) -> None:
        """Leaves ``room``. Does nothing after the end of the connection."""
        await asyncio.shield(self._leave(channel_name, room))

    async def rejoin(self, stays: Collection[Stay]) -> int:
        return await asyncio.shield(self._rejoin(stays))

    async def touch(self, channel_name: str, data: Any) -> int:
        """Touches the connection in all its rooms, heals it if necessary, and returns the number of its rooms."""
        if self.ended:
            return 0
        databases = self._databases_to_ask()
        return sum(await aon_each(databases, partial(self._touch, channel_name=channel_name, data=data)))

    async def leave_all(self) -> None:
        async with self._lock:
            await super().leave_all()

    async def _join(self, using: str, room: str, user: Any, data: Any, limits: Limits) -> None:
        async with self._lock:
            if not self.ended:
                await self._add(using, room, user, data, limits)

    async def _touch(self, using: str, channel_name: str, data: Any) -> int:
        stays, now = self.stays(using), Stopwatch()
        touched = await presences(using).atouch(channel_name, data)
        self._store_data(stays, data)
        if touched >= len(stays):
            self.mark_seen(stays, now)
            return touched
        endings = await in_thread(partial(self.host.find_endings, self._pairs(stays), using))
        return touched + await self.rejoin(self.apply_verdicts(stays, endings, message_received=True))

    async def _leave(self, channel_name: str, room: str) -> None:
        async def leave_in(using: str) -> None:
            await rooms(using).aremove(room, channel_name)

        async with self._lock:
            if not self.ended:
                await aon_each(self._forget(room), leave_in)

    async def _rejoin(self, stays: Collection[Stay]) -> int:
        rejoined = 0
        async with self._lock:
            for stay in stays:
                if self._is_current(stay):
                    try:
                        await self._add(
                            stay.using,
                            stay.room,
                            stay.user,
                            stay.data,
                            Limits.of_rejoin(is_exclusive=stay.is_exclusive),
                        )
                    except AlreadyPresent:
                        self._evict(replaced=True)
                        break
                    rejoined += 1
        return rejoined

    async def _add(self, using: str, room: str, user: Any, data: Any, limits: Limits) -> None:
        with self._joining(using, room, user, data, limits) as stay:
            joined = await ajoin(using, room, self.channel_name, user, data, is_leased=self.heartbeat, limits=limits)
            stay.session, stay.is_leased = joined or (stay.session, stay.is_leased)
