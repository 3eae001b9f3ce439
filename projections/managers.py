"""Operations on rooms and presences. Each method records events; the fold applies them to the tables.

Each method sends one statement, which is one round trip to the database. Outside ``atomic``, the events are committed,
the groups are updated and the signals are sent when the method returns. Inside ``atomic``, groups and signals follow
when the transaction commits.

Invalid input raises a `presence_events.exceptions.PresenceError` that is also a ValueError, before anything is written.
If the database fails, nothing is recorded, and you can repeat the call.

With ``CHANNELS_PRESENCE_DATABASE``, a call that names a room is recorded in the database of the room. A call that names
only a connection is recorded where this process joined the connection by hand, or else in all databases. A call that
names neither is recorded in all. If one of several databases fails, the call is recorded in the others, and then
raises the error.

The coroutine twin of ``name`` is ``aname``. Coroutines of one event loop share statements. If the database is
unavailable, they wait for it, at most ``CHANNELS_PRESENCE_RECORD_TIMEOUT`` seconds, and then raise `NotRecordedInTime`.
They cannot be part of an ``atomic`` block. Once started they run to their end, even if the caller is cancelled.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from typing import Any, TypeVar

from django.db import models, transaction

from presence_events import concurrency, sql, validation
from presence_events.concurrency import in_thread, is_called_by_synchronous_code, sending_loop
from presence_events.databases import write_alias
from presence_events.databases.each import aon_each, on_each
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.privacy.hidden import hide
from presence_events.recorder import (
    Selection,
    arecord_quietly,
    arecord_rows,
    record_quietly,
    record_select,
)
from presence_events.schema.instances import stored
from projections import selections
from projections._delivery import groups, layers
from projections._live import joined, joins
from projections._live.joined import JoinedStay
from projections._live.limits import Limits
from projections.compatibility import age_to_prune
from projections.querysets import PresenceQuerySet, ProcessQuerySet, RoomQuerySet
from projections.rosters.members import Member
from projections.selections import Exclusive

__all__ = ["PresenceManager", "ProcessManager", "RoomManager"]

# The models import their managers. Managers take their model as a type argument, so they need not import it.
_Room = TypeVar("_Room", bound=models.Model)
_Presence = TypeVar("_Presence", bound=models.Model)
_Process = TypeVar("_Process", bound=models.Model)


class RoomManager(models.Manager[_Room]):
    def get_queryset(self) -> RoomQuerySet[_Room]:
        return RoomQuerySet(self.model, using=self._db)

    def add(
        self,
        room_channel_name: str,
        user_channel_name: str,
        user: Any = None,
        data: Any = None,
        *,
        channel_layer_alias: str | None = None,
        capacity: int | None = None,
        exclusive: Exclusive | None = None,
        hidden: bool = False,
    ) -> _Room:
        """Records that a connection joins a room, and adds it to the room's group. Returns the room.

        The room is created if it does not exist. ``user`` is a saved user, an AnonymousUser or None. ``data`` is JSON
        that describes the connection. If the connection is already present as the same user, nothing is recorded. If it
        is present as another user, that stay ends and a second one begins.

        With a ``capacity``, the room has at most that many people after the join, or `RoomIsFull` is raised and nothing
        is recorded. A user with all connections is one person, and so is each anonymous connection. A person who is in
        the room already is let in.

        With ``exclusive``, the user has no other connection in the room after the join. "newest" ends the other stays
        of the user in the room, "oldest" raises `AlreadyPresent` if there are any. It does not concern anonymous
        connections, nor later joins of the user that are not exclusive.

        With ``hidden``, the connection is present and recorded, and left out of what is shown to others: rosters,
        ``members``, ``is_online``, `person_joined` and `person_left`. Its data, a dict or None, says so under the key
        "presence.hidden". If the connection is present and was not hidden, or the other way round, that stay ends and
        a second one begins.

        ``channel_layer_alias`` is the layer that the group is on. Pass that of the consumer, if it is not the default.
        Raises `channels.exceptions.InvalidChannelLayerError`, before anything is recorded, if it is not configured.

        If the channel layer fails to add the connection to the group, its exception is raised. The join is recorded
        nevertheless. Inside ``atomic``, the exception is logged instead.
        """
        data = hide(data) if hidden else data
        alias = alias_of_room(room_channel_name, self._db)
        known = sending_loop() is not None
        self._begin_join(alias, user_channel_name, channel_layer_alias, known=known)
        limits = Limits(capacity, exclusive)
        joins.join(alias, room_channel_name, user_channel_name, user, data, limits=limits)
        if known:
            stay = JoinedStay(alias, room_channel_name, user, data, channel_layer_alias, is_exclusive=bool(exclusive))
            transaction.on_commit(lambda: joined.add(user_channel_name, stay), using=alias)
        return self.named(room_channel_name, alias)

    async def aadd(
        self,
        room_channel_name: str,
        user_channel_name: str,
        user: Any = None,
        data: Any = None,
        *,
        channel_layer_alias: str | None = None,
        capacity: int | None = None,
        exclusive: Exclusive | None = None,
        hidden: bool = False,
    ) -> _Room:
        data = hide(data) if hidden else data
        alias = alias_of_room(room_channel_name, self._db)
        known = not is_called_by_synchronous_code()
        self._begin_join(alias, user_channel_name, channel_layer_alias, known=known)
        limits = Limits(capacity, exclusive)
        await joins.ajoin(alias, room_channel_name, user_channel_name, user, data, limits=limits)
        if known:
            stay = JoinedStay(alias, room_channel_name, user, data, channel_layer_alias, is_exclusive=bool(exclusive))
            joined.add(user_channel_name, stay)
        return self.named(room_channel_name, alias)

    def remove(self, room_channel_name: str, user_channel_name: str) -> None:
        """Records that a connection leaves a room, and discards it from the room's group.

        If the connection is not in the room, nothing is recorded.
        """

        def leave(alias: str) -> None:
            if not record_select(selections.leave(room_channel_name, user_channel_name), using=alias):
                # Absent already, but the layer may still have the membership.
                transaction.on_commit(
                    lambda: concurrency.run(groups.discard, room_channel_name, user_channel_name, alias), using=alias
                )
            joined.remove(user_channel_name, alias, room_channel_name)

        on_each(self._databases_of_stay(room_channel_name, user_channel_name), leave)

    async def aremove(self, room_channel_name: str, user_channel_name: str) -> None:
        async def leave(alias: str) -> None:
            if not await arecord_rows(selections.leave(room_channel_name, user_channel_name), using=alias):
                await groups.discard(room_channel_name, user_channel_name, alias)
            joined.remove(user_channel_name, alias, room_channel_name)

        await aon_each(self._databases_of_stay(room_channel_name, user_channel_name), leave)

    def prune_presences(
        self, age_in_seconds: float | None = None, age: float | None = None, *, channel_layer: Any = None
    ) -> int:
        """Prunes every connection that was last seen more than ``age_in_seconds`` ago. Returns how many were pruned.

        The default is ``CHANNELS_PRESENCE_MAX_AGE``. Connections that another transaction has locked are skipped; the
        next call prunes them.

        ``prune_presences(channel_layer, age)`` of django-channels-presence works as well: ``age`` is the same as
        ``age_in_seconds``, and a channel layer is ignored.
        """
        selection = selections.prune_presences(None, age_to_prune(age_in_seconds, age))
        return _record_on_each(selection, aliases(self._db))

    async def aprune_presences(
        self, age_in_seconds: float | None = None, age: float | None = None, *, channel_layer: Any = None
    ) -> int:
        selection = selections.prune_presences(None, age_to_prune(age_in_seconds, age))
        return await _arecord_on_each(selection, aliases(self._db))

    def prune_rooms(self) -> int:
        """Removes the empty rooms that no row of another table refers to. Returns how many were removed."""
        return _record_on_each(selections.prune_rooms(), aliases(self._db))

    async def aprune_rooms(self) -> int:
        return await _arecord_on_each(selections.prune_rooms(), aliases(self._db))

    def present(self, room_channel_name: str) -> list[Member]:
        """Returns the people who are present in the room of that name, as `Room.members`.

        The list is empty for a room that does not exist.
        """
        room: Any = self.named(room_channel_name, self._db)
        return list(room.members())

    async def apresent(self, room_channel_name: str) -> list[Member]:
        return await in_thread(partial(self.present, room_channel_name))

    def _databases_of_stay(self, room: str, channel_name: str) -> Collection[str]:
        """Returns the databases in which this process joined the stay by hand, or else that of the room.

        They differ if the room has been moved since.
        """
        if chosen_by_room() and not self._db:
            known = joined.databases_of_stay(channel_name, room)
            if known:
                return known
        return [alias_of_room(room, self._db)]

    def _begin_join(self, alias: str, channel_name: str, layer: str | None, *, known: bool) -> None:
        """Notes what this process has to know of the connection. ``known`` is whether it may have the socket."""
        if layer is not None:
            layers.check(layer)
            layers.remember(channel_name, layer)
        if known:
            joined.enter(channel_name, alias)

    def named(self, room_channel_name: str, using: str | None = None) -> _Room:
        """As `Room.named`."""
        alias = using or (alias_of_room(room_channel_name, self._db) if chosen_by_room() else self.db)
        return stored(self.model, alias, {"channel_name": room_channel_name})


class ProcessManager(models.Manager[_Process]):
    def get_queryset(self) -> ProcessQuerySet[_Process]:
        return ProcessQuerySet(self.model, using=self._db)

    def end_expired_leases(self) -> int:
        """Records the end of each lease without a beat for a day on which no connection depends. Returns how many."""

        def end(alias: str) -> int:
            return len(sql.rows_of_now("projections", "queries/leases/end_expired", using=alias))

        return sum(on_each(aliases(self._db), end))


class PresenceManager(models.Manager[_Presence]):
    def get_queryset(self) -> PresenceQuerySet[_Presence]:
        return PresenceQuerySet(self.model, using=self._db)

    def shown(self) -> PresenceQuerySet[_Presence]:
        """Returns the presences that may be shown to others: all but those of hidden connections."""
        return self.get_queryset().shown()

    def touch(self, channel_name: str, data: Any = None) -> int:
        """Records that a connection was seen, in every room it is in. Returns how many presences were touched.

        ``data``, if given, replaces the data of these presences. The return value is 0 for a connection that is in no
        room.
        """

        def touch(alias: str) -> int:
            if data is None:
                return len(record_quietly(selections.touch(channel_name), using=alias))
            touched = len(record_select(selections.touch_with_data(channel_name, data), using=alias))
            joined.set_data(channel_name, alias, data)
            return touched

        return sum(on_each(self._databases_of(channel_name), touch))

    async def atouch(self, channel_name: str, data: Any = None) -> int:
        async def touch(alias: str) -> int:
            if data is None:
                return len(await arecord_quietly(selections.touch(channel_name), using=alias))
            touched = len(await arecord_rows(selections.touch_with_data(channel_name, data), using=alias))
            joined.set_data(channel_name, alias, data)
            return touched

        return sum(await aon_each(self._databases_of(channel_name), touch))

    def leave_all(self, channel_name: str) -> int:
        """Records that a connection leaves every room it is in, and their groups. Returns how many rooms it left."""

        def leave(alias: str) -> int:
            left = len(record_select(selections.leave_all(channel_name), using=alias))
            joined.remove_all(channel_name, alias)
            return left

        return sum(on_each(self._databases_of(channel_name), leave))

    async def aleave_all(self, channel_name: str) -> int:
        async def leave(alias: str) -> int:
            left = len(await arecord_rows(selections.leave_all(channel_name), using=alias))
            joined.remove_all(channel_name, alias)
            return left

        return sum(await aon_each(self._databases_of(channel_name), leave))

    def is_online(self, users: Iterable[Any], room: str | models.Model | None = None) -> dict[Any, bool]:
        """Returns for each of ``users`` whether the user has a connection: in ``room``, or in any room.

        Hidden connections do not count. ``users`` are saved users or their keys, which are the keys of the result too.
        It is one query, or one for each of several databases. Raises `InvalidUser` for a value that cannot be a key.
        """
        keys = {user: validation.key_of(user) for user in users}
        presences = self.get_queryset().shown().filter(user_id__in=set(keys.values()))
        if room is not None:
            presences = presences.filter(room=str(room))
        queries = [presences]
        if chosen_by_room() and not self._db:
            databases = aliases() if room is None else [alias_of_room(str(room), _database_of(room))]
            queries = [presences.using(alias) for alias in databases]
        online = {key for query in queries for key in query.values_list("user_id", flat=True).distinct()}
        return {user: key in online for user, key in keys.items()}

    async def ais_online(self, users: Iterable[Any], room: str | models.Model | None = None) -> dict[Any, bool]:
        return await in_thread(partial(self.is_online, list(users), room))

    def leave_user(self, user: Any, reason: str) -> int:
        """Records that all connections of ``user`` leave all rooms, and why. Returns how many stays ended.

        ``reason`` is stored in the data of each leave.
        """
        return _record_on_each(selections.leave_user(user, reason), aliases(self._db))

    async def aleave_user(self, user: Any, reason: str) -> int:
        return await _arecord_on_each(selections.leave_user(user, reason), aliases(self._db))

    def _databases_of(self, channel_name: str) -> Collection[str]:
        """Returns the databases that a call about a connection acts on: those in which this process joined it by hand.

        If there are none that are known, it acts on all. Without the setting, it acts on that of the routers.
        """
        if self._db or not chosen_by_room():
            return [write_alias(self._db)]
        return joined.databases(channel_name) or aliases()


def _record_on_each(selection: Selection, databases: Collection[str]) -> int:
    """Records ``selection`` in each of ``databases``. Returns how many events were recorded."""
    return sum(on_each(databases, lambda alias: len(record_select(selection, using=alias))))


async def _arecord_on_each(selection: Selection, databases: Collection[str]) -> int:
    async def record_in(alias: str) -> int:
        return len(await arecord_rows(selection, using=alias))

    return sum(await aon_each(databases, record_in))


def _database_of(room: Any) -> str | None:
    """Returns the alias of the database of ``room``, if it is an instance that has one."""
    return room._state.db if isinstance(room, models.Model) else None
