"""The connection of a synchronous consumer."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from threading import RLock
from typing import Any

from presence_events.concurrency import in_thread
from presence_events.databases.each import on_each
from presence_events.exceptions import AlreadyPresent
from projections._live.connection import Connection, Stay
from projections._live.joins import join
from projections._live.limits import Limits
from projections._live.managers import presences, rooms
from projections._live.stopwatch import Stopwatch

__all__ = ["SyncConnection"]


class SyncConnection(Connection):
    """Joins, leaves and touches in the thread in which the handlers of the consumer run.

    Its registration, its end and its eviction belong to the event loop.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Never acquire this in the event loop: a thread that holds it may be waiting for the loop.
        self._lock = RLock()

    def join(self, channel_name: str, room: str, user: Any, data: Any, limits: Limits) -> None:
        """Joins ``room``, and registers the connection with its first join. Does nothing after its end."""
        using, is_first = self._begin_join(channel_name, room)
        if is_first:
            self.loop.call_soon_threadsafe(self.host.enter, self, using)
        with self._lock:
            self._add(using, room, user, data, limits)

    def leave(self, channel_name: str, room: str) -> None:
        """Leaves ``room``. Does nothing after the end of the connection."""
        with self._lock:
            if not self.ended:
                on_each(self._forget(room), lambda using: rooms(using).remove(room, channel_name))

    def touch(self, channel_name: str, data: Any) -> int:
        """Touches the connection in all its rooms, heals it if necessary, and returns the number of its rooms."""
        if self.ended:
            return 0
        return sum(on_each(self._databases_to_ask(), lambda using: self._touch(using, channel_name, data)))

    async def rejoin(self, stays: Collection[Stay]) -> int:
        return await in_thread(partial(self._rejoin, stays))

    def _touch(self, using: str, channel_name: str, data: Any) -> int:
        stays, now = self.stays(using), Stopwatch()
        touched = presences(using).touch(channel_name, data)
        self._store_data(stays, data)
        if touched >= len(stays):
            self.mark_seen(stays, now)
            return touched
        endings = self.host.find_endings(self._pairs(stays), using)
        return touched + self._rejoin(self.apply_verdicts(stays, endings, message_received=True))

    def _rejoin(self, stays: Collection[Stay]) -> int:
        rejoined = 0
        with self._lock:
            for stay in stays:
                if self._is_current(stay):
                    try:
                        self._add(
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

    def _add(self, using: str, room: str, user: Any, data: Any, limits: Limits) -> None:
        if self.ended:
            return
        try:
            with self._joining(using, room, user, data, limits) as stay:
                joined = join(using, room, self.channel_name, user, data, is_leased=self.heartbeat, limits=limits)
                stay.session, stay.is_leased = joined or (stay.session, stay.is_leased)
        finally:
            # A server that cancels the consumer ends the connection while a handler still runs in the thread. The
            # leaves of that end do not include this join.
            if self.ended:
                presences(using).leave_all(self.channel_name)
