"""What one does with rooms and presences. Everything here records events; the triggers do the rest.

Each method is one statement, one round trip to the database. Outside of ``atomic`` it is committed when the method
returns, and group membership and signals have followed; inside, they follow when the transaction commits. Bad input
raises a `presence_events.exceptions.PresenceError` that is also a ValueError, before anything is written. If the
database fails, nothing of the call is recorded, and the call may be made again.

The coroutine twin of ``name`` is ``aname``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import async_to_sync
from channels.db import database_sync_to_async
from django.db import models, router, transaction

from presence_events import conf, sql, validation
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record, record_select
from projections import groups

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
        begins. Returns the room.
        """
        alias = _written_to(self)
        events = record_select(
            sql.read("projections", "join"),
            {
                "rooms": [validation.room_name(room_channel_name)],
                "channel_names": [validation.channel_name(user_channel_name)],
                "user_ids": [validation.user_id(user)],
                "data": [validation.json_text(data)],
            },
            users=[user],
            using=alias,
        )
        if not events:
            # Present already: the layer may have forgotten the membership (a restart, its group_expiry).
            transaction.on_commit(lambda: async_to_sync(groups.add)(room_channel_name, user_channel_name), using=alias)
        return self.model.named(room_channel_name, alias)

    def remove(self, room_channel_name: str, user_channel_name: str) -> None:
        """The connection leaves the room and its group. Nothing happens if it is not there."""
        record([Draft("leave", room_channel_name, user_channel_name)], using=_written_to(self))

    def prune_presences(self, age_in_seconds: float | None = None) -> int:
        """Prunes every connection that was not seen for ``age_in_seconds`` (``CHANNELS_PRESENCE_MAX_AGE``).

        Connections that another transaction is busy with are left for the next time. Returns how many were pruned.
        """
        return _prune(None, age_in_seconds, _written_to(self))

    def prune_rooms(self) -> int:
        """Removes the rooms in which nobody is. Returns how many there were."""
        return len(record_select(sql.read("projections", "prune_rooms"), {}, using=_written_to(self)))

    async def aadd(self, room_channel_name: str, user_channel_name: str, user: Any = None, data: Any = None) -> Room:
        return await database_sync_to_async(self.add)(room_channel_name, user_channel_name, user, data)

    async def aremove(self, room_channel_name: str, user_channel_name: str) -> None:
        await database_sync_to_async(self.remove)(room_channel_name, user_channel_name)

    async def aprune_presences(self, age_in_seconds: float | None = None) -> int:
        return await database_sync_to_async(self.prune_presences)(age_in_seconds)

    async def aprune_rooms(self) -> int:
        return await database_sync_to_async(self.prune_rooms)()


class PresenceManager(_PresenceManager):
    def touch(self, channel_name: str, data: Any = None) -> int:
        """The connection was seen, in every room it is in. ``data``, if given, replaces what it said of itself.

        Returns how many presences were touched: 0 for a connection that is nowhere.
        """
        events = record_select(
            sql.read("projections", "touch"),
            {"channel_names": [validation.channel_name(channel_name)], "data": [validation.json_text(data)]},
            using=_written_to(self),
        )
        return len(events)

    def leave_all(self, channel_name: str) -> int:
        """The connection leaves every room it is in, and their groups. Returns how many rooms it left."""
        events = record_select(
            sql.read("projections", "leave_all"),
            {"channel_names": [validation.channel_name(channel_name)], "data": None},
            using=_written_to(self),
        )
        return len(events)

    def leave_user(self, user: Any, reason: str) -> int:
        """Every connection of ``user`` leaves every room; ``reason`` is recorded. Returns how many stays ended."""
        events = record_select(
            sql.read("projections", "leave_user"),
            {"user_id": validation.user_id(user), "data": validation.json_text({"reason": reason})},
            users=[user],
            using=_written_to(self),
        )
        return len(events)

    async def atouch(self, channel_name: str, data: Any = None) -> int:
        return await database_sync_to_async(self.touch)(channel_name, data)

    async def aleave_all(self, channel_name: str) -> int:
        return await database_sync_to_async(self.leave_all)(channel_name)

    async def aleave_user(self, user: Any, reason: str) -> int:
        return await database_sync_to_async(self.leave_user)(user, reason)


def prune_room(room: Room, age_in_seconds: float | None) -> int:
    """Prunes the connections of one room that were not seen for ``age_in_seconds``. Returns how many."""
    return _prune(room.channel_name, age_in_seconds, room._state.db)


def _prune(room_name: str | None, age_in_seconds: float | None, alias: str | None) -> int:
    age = validation.age(conf.max_age() if age_in_seconds is None else age_in_seconds)
    events = record_select(sql.read("projections", "prune_presences"), {"room": room_name, "age": age}, using=alias)
    return len(events)


def _written_to(manager: models.Manager[Any]) -> str:
    return manager._db or router.db_for_write(PresenceEvent)
