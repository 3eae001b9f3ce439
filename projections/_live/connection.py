"""One live connection of this process, and the rooms that it is in.

`AsyncConnection` and `SyncConnection` give the same two guarantees. The operations of a connection in its rooms run one
after the other. After the end of a connection only its leaves are recorded, whatever was in progress at that time.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, cast

from channels import DEFAULT_CHANNEL_LAYER

from presence_events.databases.each import aon_each
from presence_events.databases.rooms import alias_of_room, aliases, chosen_by_room
from presence_events.privacy.hidden import is_hidden, replaced
from projections._delivery import groups, layers
from projections._live.limits import Limits
from projections._live.managers import presences
from projections._live.stopwatch import Stopwatch
from projections._live.verdict import Ending, Verdict, decide

__all__ = ["REPLACED", "Connection", "Host", "Send", "Stay"]

logger = logging.getLogger("projections.connection")

REPLACED = 4409
"""The WebSocket close code if another connection of the user took the place of this one in a room."""

Send = Callable[[Any], Awaitable[None]]


class Host(Protocol):
    """What a connection needs from the event loop that it belongs to. `LiveLoop` implements it."""

    def enter(self, connection: Connection, using: str) -> None:
        """Registers ``connection``, which is about to join its first room in the database ``using``.

        Call it in the event loop.
        """

    def schedule_close(self, connection: Connection) -> None:
        """Closes the socket of ``connection`` soon. Call it in any thread."""

    def schedule_review(self, connection: Connection) -> None:
        """Reviews ``connection``, of which a stay ended elsewhere, soon. Call it in the event loop."""

    def find_endings(self, stays: Collection[tuple[str, str]], using: str) -> dict[tuple[str, str], Ending]:
        """Returns how those of ``stays`` that are not present ended. Runs queries: call it in the thread for them."""


class Stay:
    """A stay of a connection: its room, its user and the data that describes it. A rejoin begins another stay.

    ``using`` is the database in which it was joined. Everything about the stay is recorded there.

    ``live`` is true from when the join is recorded until the stay is known to have ended. Code that compares
    connections with the log has to check it before and after the query: a stay that began or ended in between proves
    nothing.

    ``last_seen`` started when the process began to record the last sign of life that the database confirmed.

    ``session`` is the number of the stay, or None while it is unknown: the connection was present already when it
    joined. ``is_leased`` is whether the beats of the process keep the stay alive, or None while that is unknown.
    ``is_exclusive`` is whether the last join asked for no other connection of the user in the room.
    """

    __slots__ = ("data", "is_exclusive", "is_leased", "last_seen", "live", "room", "session", "user", "using")

    def __init__(self, using: str, room: str, user: Any, data: Any, is_exclusive: bool) -> None:
        self.using = using
        self.room = room
        self.user = user
        self.data = data
        self.is_exclusive = is_exclusive
        self.live = False
        self.session: int | None = None
        self.is_leased: bool | None = None
        self.last_seen = Stopwatch()


class Connection(ABC):
    """What both kinds of connection share. Create it in the task that runs the consumer.

    - ``host``: the event loop that the connection belongs to.
    - ``send``: the ASGI ``send`` of the server.
    - ``heartbeat``: whether the process vouches for the connection.
    - ``evict_code``: the WebSocket close code of an eviction.
    - ``layer``: the alias of the channel layer of the consumer.

    ``on_join`` is called in the event loop after each join, with the room and its database.
    """

    def __init__(
        self, host: Host, send: Send, *, heartbeat: bool, evict_code: int, layer: str = DEFAULT_CHANNEL_LAYER
    ) -> None:
        self.host = host
        self.loop = asyncio.get_running_loop()
        self.task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.heartbeat = heartbeat
        self.channel_name = ""
        self.databases: tuple[str, ...] = ()
        self.evicted = False
        self.ended = False
        self.on_join: Callable[[str, str], None] | None = None
        self._close_code = evict_code
        self._layer = layer
        self._send = send
        self._stays: dict[tuple[str, str], Stay] = {}

    @property
    def joined(self) -> bool:
        """Whether the connection has ever joined a room."""
        return bool(self.databases)

    def stays(self, using: str | None = None) -> list[Stay]:
        """Returns the live stays, in the database ``using`` or in all of them.

        Returns none if the connection was evicted or has ended.
        """
        stays = [stay for stay in list(self._stays.values()) if self._is_current(stay)]
        return stays if using is None else [stay for stay in stays if stay.using == using]

    def has_stay(self, using: str, room: str) -> bool:
        """Returns whether the connection has joined ``room``, or is about to, and has not been told to leave it.

        An evicted connection and one that has ended have no stays.
        """
        return (using, room) in self._stays and not self.evicted and not self.ended

    def remember_layer(self) -> None:
        """Notes the channel layer of the connection, before its groups change."""
        layers.remember(self.channel_name, self._layer)

    def mark_seen(self, stays: Collection[Stay], since: Stopwatch) -> None:
        """Notes that a touch found ``stays`` present. ``since`` was started before that touch."""
        for stay in stays:
            stay.last_seen = since

    def apply_verdicts(
        self,
        stays: Collection[Stay],
        endings: Mapping[tuple[str, str], Ending],
        *,
        message_received: bool = False,
        process_stalled: bool = False,
    ) -> list[Stay]:
        """Decides on each of ``stays``. Forgets or evicts as decided, and returns the stays that have to rejoin."""
        to_heal = []
        for stay in stays:
            ending = endings.get((stay.room, self.channel_name))
            if ending is None or not self._is_current(stay):
                continue
            verdict = decide(
                ending,
                stay.last_seen.elapsed(),
                heartbeat=self.heartbeat,
                message_received=message_received,
                process_stalled=process_stalled,
            )
            if verdict in (Verdict.EVICT, Verdict.REPLACE):
                self._evict(replaced=verdict is Verdict.REPLACE)
                return []
            if verdict is Verdict.FORGET:
                stay.live = False
                # Another process ended the stay. The layer may keep its groups in this one.
                groups.remember_pending_discards([(stay.room, self.channel_name)], stay.using)
            elif verdict is Verdict.HEAL:
                to_heal.append(stay)
        return to_heal

    async def send(self, message: Any) -> None:
        """Sends a message of the consumer. Drops it after an eviction, when no client can receive it any more."""
        if not self.evicted:
            await self._send(message)

    async def close(self) -> None:
        """Closes the socket. A socket that is already closed, or is closing, is no error."""
        try:
            await self._send(
                {"type": "websocket.close", "code": self._close_code, "reason": "You are no longer present."}
            )
        except Exception as error:
            logger.debug("%s could not be closed, and is probably closed already: %r", self.channel_name, error)

    @abstractmethod
    async def rejoin(self, stays: Collection[Stay]) -> int:
        """Rejoins the rooms of ``stays``, and returns their number. Skips stays that were left or ended meanwhile.

        A rejoin has no capacity, because the client has never left. It ends no other connection of the user. If a stay
        was exclusive and the user has another connection in the room now, that one has replaced this one.
        """

    async def leave_all(self) -> None:
        """Leaves every room. A failure is logged, and the connection is left to the pruning.

        If another process has ended a stay, the connection is discarded from the groups of all its rooms once more: a
        layer that keeps its groups in the process of the connection ignored the discard of the other process.
        """
        await aon_each(self.databases, self._leave_all_in)

    async def _leave_all_in(self, using: str) -> None:
        # A copy, because a handler that the server cancelled may still join rooms in its thread.
        pairs = self._pairs([stay for stay in list(self._stays.values()) if stay.using == using])
        try:
            left = await presences(using).aleave_all(self.channel_name)
        except Exception:
            logger.exception("%s could not leave its rooms. It will be pruned.", self.channel_name)
            return
        if left < len(pairs):
            self.remember_layer()
            await groups.reconcile(pairs, using, present=False)

    def _evict(self, *, replaced: bool = False) -> None:
        """Closes the socket soon, because the connection was pruned, or ``replaced`` by another one of the user."""
        self.evicted = True
        if replaced:
            self._close_code = REPLACED
        self.host.schedule_close(self)

    def _begin_join(self, channel_name: str, room: str) -> tuple[str, bool]:
        """Returns the database of a join that begins now, and whether it is the first join in this database."""
        using = alias_of_room(room)
        is_first = using not in self.databases
        if is_first:
            self.channel_name, self.databases = channel_name, (*self.databases, using)
        return using, is_first

    @contextmanager
    def _joining(self, using: str, room: str, user: Any, data: Any, limits: Limits) -> Iterator[Stay]:
        """Wraps the recording of a join, and yields the stay that it begins.

        If the join fails, the connection keeps the stay that it had before, if any.
        """
        key = (using, room)
        before = self._stays.get(key)
        if before is not None and before.live and before.user == user and is_hidden(before.data) == is_hidden(data):
            data = before.data  # The log does the same: a join by a user who is present does not replace the data.
        stay = self._stays[key] = Stay(using, room, user, data, limits.exclusive is not None)
        if before is not None and before.live:
            stay.session, stay.is_leased = before.session, before.is_leased  # the join may change nothing
        self.remember_layer()
        try:
            yield stay
        except BaseException:
            del self._stays[key]
            if before is not None:
                self._stays[key] = before
            raise
        stay.live = True
        if self.on_join is not None:
            self.loop.call_soon_threadsafe(self.on_join, room, using)

    def _forget(self, room: str) -> Sequence[str]:
        """Forgets the stays in ``room``. Returns the databases in which the connection has to leave it."""
        stays = [stay for stay in self._stays.values() if stay.room == room]
        for stay in stays:
            stay.live = False
            del self._stays[stay.using, room]
        if not stays and chosen_by_room():
            return [alias_of_room(room)]
        return [stay.using for stay in stays] or self._databases_to_ask()

    def _databases_to_ask(self) -> Sequence[str]:
        """Returns the databases of the connection, or all that can have rooms if it has not joined a room."""
        return self.databases or aliases()

    def _store_data(self, stays: Collection[Stay], data: Any) -> None:
        """Stores the data of a touch: a rejoin records it again. Hidden stays remain hidden."""
        if data is not None:
            for stay in stays:
                stay.data = replaced(stay.data, data)

    def _pairs(self, stays: Collection[Stay]) -> list[tuple[str, str]]:
        return [(stay.room, self.channel_name) for stay in stays]

    def _is_current(self, stay: Stay) -> bool:
        """Returns whether ``stay`` is one of `stays`."""
        return stay.live and stay is self._stays.get((stay.using, stay.room)) and not self.evicted and not self.ended
