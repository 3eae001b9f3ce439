"""What one does with rooms and presences. Everything here records events; the fold does the rest.

Each method is one statement, one round trip to the database. Outside of ``atomic`` it is committed when the method
returns, and group membership and signals have followed; inside, they follow when the transaction commits. Bad input
raises a `presence_events.exceptions.PresenceError` that is also a ValueError, before anything is written. If the
database fails, nothing of the call is recorded, and the call may be made again.

The coroutine twin of ``name`` is ``aname``. The coroutines of an event loop share statements. They wait for a database
that is away, at most ``CHANNELS_PRESENCE_RECORD_TIMEOUT`` seconds, and then raise `NotRecordedInTime`. They cannot be
part of an ``atomic`` block, and once begun they run to their end, even if the caller is cancelled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, models, transaction

from presence_events import concurrency
from presence_events.databases import write_alias
from presence_events.recorder import (
    Draft,
    arecord,
    arecord_quietly,
    arecord_select,
    record,
    record_quietly,
    record_select,
)
from projections import selections
from projections._delivery import groups

if TYPE_CHECKING:
    from projections.models import Presence, Room

    _RoomManager = models.Manager[Room]
    _PresenceManager = models.Manager[Presence]
else:
    _RoomManager = _PresenceManager = models.Manager

__all__ = ["PresenceManager", "RoomManager"]


class RoomManager(_RoomManager):
    def add(self, room_channel_name: str, user_channel_name: str, user: Any = None, data: Any = None) -> Room:
        """The connection joins the room, which is made if need be, and the room's group.

        ``user`` is a saved user, an AnonymousUser or None; ``data`` is what the connection says of itself (JSON).
        If it is there already as the same user nothing is recorded; as another user, that stay ends and a second
        begins. Returns the room. Raises what the channel layer raised if it could not add the connection to the group;
        the join is recorded all the same. Inside ``atomic`` that error is logged.
        """
        alias = write_alias(self._db)
        if not record_select(selections.join(room_channel_name, user_channel_name, user, data), using=alias):
            # Present already: the layer may have forgotten the membership (a restart, its group_expiry).
            transaction.on_commit(
                lambda: concurrency.run(groups.add, room_channel_name, user_channel_name),
                using=alias,
                robust=connections[alias].in_atomic_block,
            )
        return self.model.named(room_channel_name, alias)

    async def aadd(self, room_channel_name: str, user_channel_name: str, user: Any = None, data: Any = None) -> Room:
        alias = write_alias(self._db)
        if not await arecord_select(selections.join(room_channel_name, user_channel_name, user, data), using=alias):
            await groups.add(room_channel_name, user_channel_name)
        return self.model.named(room_channel_name, alias)

    def remove(self, room_channel_name: str, user_channel_name: str) -> None:
        """The connection leaves the room and its group. Nothing is recorded if it is not there."""
        alias = write_alias(self._db)
        if not record([Draft("leave", room_channel_name, user_channel_name)], using=alias):
            # Absent already: the layer may not know.
            transaction.on_commit(
                lambda: concurrency.run(groups.discard, room_channel_name, user_channel_name), using=alias
            )

    async def aremove(self, room_channel_name: str, user_channel_name: str) -> None:
        alias = write_alias(self._db)
        if not await arecord([Draft("leave", room_channel_name, user_channel_name)], using=alias):
            await groups.discard(room_channel_name, user_channel_name)

    def prune_presences(self, age_in_seconds: float | None = None) -> int:
        """Prunes every connection that was not seen for ``age_in_seconds`` (``CHANNELS_PRESENCE_MAX_AGE``).

        Connections that another transaction is busy with are left for the next time. Returns how many were pruned.
        """
        return len(record_select(selections.prune_presences(None, age_in_seconds), using=write_alias(self._db)))

    async def aprune_presences(self, age_in_seconds: float | None = None) -> int:
        return len(await arecord_select(selections.prune_presences(None, age_in_seconds), using=write_alias(self._db)))

    def prune_rooms(self) -> int:
        """Removes the rooms in which nobody is. Returns how many there were."""
        return len(record_select(selections.prune_rooms(), using=write_alias(self._db)))

    async def aprune_rooms(self) -> int:
        return len(await arecord_select(selections.prune_rooms(), using=write_alias(self._db)))


class PresenceManager(_PresenceManager):
    def touch(self, channel_name: str, data: Any = None) -> int:
        """The connection was seen, in every room it is in. ``data``, if given, replaces what it said of itself.

        Returns how many presences were touched: 0 for a connection that is nowhere.
        """
        alias = write_alias(self._db)
        if data is None:
            return len(record_quietly(selections.touch(channel_name), using=alias))
        return len(record_select(selections.touch_with_data(channel_name, data), using=alias))

    async def atouch(self, channel_name: str, data: Any = None) -> int:
        alias = write_alias(self._db)
        if data is None:
            return len(await arecord_quietly(selections.touch(channel_name), using=alias))
        return len(await arecord_select(selections.touch_with_data(channel_name, data), using=alias))

    def leave_all(self, channel_name: str) -> int:
        """The connection leaves every room it is in, and their groups. Returns how many rooms it left."""
        return len(record_select(selections.leave_all(channel_name), using=write_alias(self._db)))

    async def aleave_all(self, channel_name: str) -> int:
        return len(await arecord_select(selections.leave_all(channel_name), using=write_alias(self._db)))

    def leave_user(self, user: Any, reason: str) -> int:
        """Every connection of ``user`` leaves every room; ``reason`` is recorded. Returns how many stays ended."""
        return len(record_select(selections.leave_user(user, reason), using=write_alias(self._db)))

    async def aleave_user(self, user: Any, reason: str) -> int:
        return len(await arecord_select(selections.leave_user(user, reason), using=write_alias(self._db)))
