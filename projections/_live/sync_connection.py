"""The connection of a synchronous consumer."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from threading import RLock
from typing import Any

from presence_events.concurrency import in_thread
from projections._live.connection import Connection, Stay
from projections._live.stopwatch import Stopwatch
from projections.models import Presence, Room

__all__ = ["SyncConnection"]


class SyncConnection(Connection):
    """Joins, leaves and touches in the thread in which the handlers of the consumer run.

    Its registration, its end and its eviction belong to the event loop.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Never acquire this in the event loop: a thread that holds it may be waiting for the loop.
        self._lock = RLock()

    def join(self, channel_name: str, room: str, user: Any, data: Any) -> None:
        """Joins ``room``, and registers the connection with its first join. Does nothing after its end."""
        if not self.joined:
            self.channel_name, self.joined = channel_name, True
            self.loop.call_soon_threadsafe(self.host.enter, self)
        with self._lock:
            self._add(room, user, data)

    def leave(self, channel_name: str, room: str) -> None:
        """Leaves ``room``. Does nothing after the end of the connection."""
        with self._lock:
            if not self.ended:
                self._forget(room)
                Room.objects.remove(room, channel_name)

    def touch(self, channel_name: str, data: Any) -> int:
        """Touches the connection in all its rooms, heals it if necessary, and returns the number of its rooms."""
        if self.ended:
            return 0
        stays, now = self.stays(), Stopwatch()
        touched = Presence.objects.touch(channel_name, data)
        self._store_data(stays, data)
        if touched >= len(stays):
            self.mark_seen(stays, now)
            return touched
        endings = self.host.find_endings(self._pairs(stays))
        return touched + self._rejoin(self.apply_verdicts(stays, endings, message_received=True))

    async def rejoin(self, stays: Collection[Stay]) -> int:
        return await in_thread(partial(self._rejoin, stays))

    def _rejoin(self, stays: Collection[Stay]) -> int:
        rejoined = 0
        with self._lock:
            for stay in stays:
                if self._is_current(stay):
                    self._add(stay.room, stay.user, stay.data)
                    rejoined += 1
        return rejoined

    def _add(self, room: str, user: Any, data: Any) -> None:
        if self.ended:
            return
        try:
            with self._joining(room, user, data):
                Room.objects.add(room, self.channel_name, user, data)
        finally:
            # A server that cancels the consumer ends the connection while a handler still runs in the thread. The
            # leaves of that end do not include this join.
            if self.ended:
                Presence.objects.leave_all(self.channel_name)
