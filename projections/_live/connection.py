"""A live connection of this process: the rooms it is in, and what is done when the log says something else.

Both kinds of connection keep the same promises. What a connection does in its rooms happens one thing after the other.
After its end nothing is recorded for it any more but its leaves, whatever was under way then.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any, cast

from presence_events.concurrency import in_thread
from projections._live.stopwatch import Stopwatch
from projections._live.verdict import Ending, Verdict, fate
from projections.models import Presence, Room

if TYPE_CHECKING:
    from projections._live.heartbeat import Heart

__all__ = ["AsyncConnection", "Connection", "Stay", "SyncConnection"]

logger = logging.getLogger(__name__)

Send = Callable[[Any], Awaitable[None]]


class Stay:
    """A room that a connection joined, as whom, and what it says of itself there. Joined again, it is another stay.

    ``live`` from when it is recorded until it is known to be over. Whoever compares connections with the log asks them
    before and after: a stay that began or ended in between says nothing. ``seen`` is when its process last said that
    the connection is there, and the database agreed.
    """

    __slots__ = ("data", "live", "room", "seen", "user")

    def __init__(self, room: str, user: Any, data: Any) -> None:
        self.room = room
        self.user = user
        self.data = data
        self.live = False
        self.seen = Stopwatch()


class Connection(ABC):
    """What both kinds have in common. ``send`` is the server's. Made in the task of the consumer."""

    def __init__(self, heart: Heart, send: Send, *, heartbeat: bool, evict_code: int) -> None:
        self.heart = heart
        self.loop = asyncio.get_running_loop()
        self.task = cast("asyncio.Task[Any]", asyncio.current_task())
        self.heartbeat = heartbeat
        self.channel_name = ""
        self.joined = False
        self.evicted = False
        self.ended = False
        self._evict_code = evict_code
        self._send = send
        self._stays: dict[str, Stay] = {}

    def stays(self) -> list[Stay]:
        """The live ones, unless the connection is about to end."""
        return [stay for stay in list(self._stays.values()) if self._is_current(stay)]

    def was_seen(self, stays: Collection[Stay], moment: Stopwatch) -> None:
        """A touch that began at ``moment`` found these."""
        for stay in stays:
            stay.seen = moment

    def judge(
        self,
        stays: Collection[Stay],
        endings: Mapping[tuple[str, str], Ending],
        *,
        spoke: bool = False,
        away: bool = False,
    ) -> list[Stay]:
        """Forgets the stays that are over for good, evicts if it comes to that, and returns those to heal."""
        heal = []
        for stay in stays:
            ending = endings.get((stay.room, self.channel_name))
            if ending is None or not self._is_current(stay):
                continue
            becomes = fate(ending, stay.seen.age(), heartbeat=self.heartbeat, spoke=spoke, away=away)
            if becomes is Verdict.EVICT:
                self.evicted = True
                self.heart.evict_soon(self)
                return []
            if becomes is Verdict.FORGET:
                stay.live = False
            elif becomes is Verdict.HEAL:
                heal.append(stay)
        return heal

    async def send(self, message: Any) -> None:
        """What the consumer sends, until the connection is evicted: then nobody is there to whom it could go."""
        if not self.evicted:
            await self._send(message)

    async def close(self) -> None:
        """Closes the socket. Whoever has closed it before, or is just doing so, does not mind."""
        try:
            await self._send(
                {"type": "websocket.close", "code": self._evict_code, "reason": "You are no longer present."}
            )
        except Exception as error:
            logger.debug("%s could not be closed, and probably is: %r", self.channel_name, error)

    @abstractmethod
    async def mend(self, stays: Collection[Stay]) -> int:
        """Rejoins, unless the connection has left or ended meanwhile. Returns in how many rooms it is again."""

    async def end(self, *, cancelled: bool) -> None:
        """The consumer has ended, and leaves every room. If that fails it is logged, and left to the pruning."""
        self.ended = True
        self.heart.exit(self)
        if self.joined:
            await self.heart.see_off(self._leave_all(), cancelled=cancelled)
        elif cancelled:
            await self.heart.others_left()

    async def _leave_all(self) -> None:
        try:
            await Presence.objects.aleave_all(self.channel_name)
        except Exception:
            logger.exception("%s could not leave its rooms: it will be pruned", self.channel_name)

    @contextmanager
    def _joining(self, room: str, user: Any, data: Any) -> Iterator[None]:
        """Around the recording of a join. If that fails, the connection is where it was before."""
        before = self._stays.get(room)
        if before is not None and before.live and before.user == user:
            data = before.data  # as in the log: who is there already says nothing new by joining
        stay = self._stays[room] = Stay(room, user, data)
        try:
            yield
        except BaseException:
            del self._stays[room]
            if before is not None:
                self._stays[room] = before
            raise
        stay.live = True

    def _leaving(self, room: str) -> None:
        stay = self._stays.pop(room, None)
        if stay is not None:
            stay.live = False

    def _said(self, stays: Collection[Stay], data: Any) -> None:
        if data is not None:
            for stay in stays:
                stay.data = data

    def _pairs(self, stays: Collection[Stay]) -> list[tuple[str, str]]:
        return [(stay.room, self.channel_name) for stay in stays]

    def _is_current(self, stay: Stay) -> bool:
        """Whether it is one of `stays`."""
        return stay.live and stay is self._stays.get(stay.room) and not self.evicted and not self.ended


class AsyncConnection(Connection):
    """Of an asynchronous consumer. Everything happens in the event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._turn = asyncio.Lock()

    # Each of these keeps its turn until it is done, even if whoever called is cancelled: what comes next, the end above
    # all, would otherwise overtake it.

    async def join(self, channel_name: str, room: str, user: Any, data: Any) -> None:
        if not self.joined:
            self.channel_name, self.joined = channel_name, True
            self.heart.enter(self)
        await asyncio.shield(self._join(room, user, data))

    async def leave(self, channel_name: str, room: str) -> None:
        await asyncio.shield(self._leave(channel_name, room))

    async def mend(self, stays: Collection[Stay]) -> int:
        return await asyncio.shield(self._mend(stays))

    async def touch(self, channel_name: str, data: Any) -> int:
        if self.ended:
            return 0
        stays, now = self.stays(), Stopwatch()
        touched = await Presence.objects.atouch(channel_name, data)
        self._said(stays, data)
        if touched >= len(stays):
            self.was_seen(stays, now)
            return touched
        found = await in_thread(partial(self.heart.endings, self._pairs(stays)))
        return touched + await self.mend(self.judge(stays, found, spoke=True))

    async def _leave_all(self) -> None:
        async with self._turn:
            await super()._leave_all()

    async def _join(self, room: str, user: Any, data: Any) -> None:
        async with self._turn:
            if not self.ended:
                with self._joining(room, user, data):
                    await Room.objects.aadd(room, self.channel_name, user, data)

    async def _leave(self, channel_name: str, room: str) -> None:
        async with self._turn:
            if not self.ended:
                self._leaving(room)
                await Room.objects.aremove(room, channel_name)

    async def _mend(self, stays: Collection[Stay]) -> int:
        mended = 0
        async with self._turn:
            for stay in stays:
                if self._is_current(stay):
                    with self._joining(stay.room, stay.user, stay.data):
                        await Room.objects.aadd(stay.room, self.channel_name, stay.user, stay.data)
                    mended += 1
        return mended


class SyncConnection(Connection):
    """Of a synchronous consumer, whose handlers run in a thread. What it does in its rooms is done in that thread; its
    beginning, its end and its eviction belong to the event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Never taken in the event loop, for which those who hold it may have to wait.
        self._turn = RLock()

    def join(self, channel_name: str, room: str, user: Any, data: Any) -> None:
        if not self.joined:
            self.channel_name, self.joined = channel_name, True
            self.loop.call_soon_threadsafe(self.heart.enter, self)
        with self._turn:
            self._add(room, user, data)

    def leave(self, channel_name: str, room: str) -> None:
        with self._turn:
            if not self.ended:
                self._leaving(room)
                Room.objects.remove(room, channel_name)

    def touch(self, channel_name: str, data: Any) -> int:
        if self.ended:
            return 0
        stays, now = self.stays(), Stopwatch()
        touched = Presence.objects.touch(channel_name, data)
        self._said(stays, data)
        if touched >= len(stays):
            self.was_seen(stays, now)
            return touched
        return touched + self._mend(self.judge(stays, self.heart.endings(self._pairs(stays)), spoke=True))

    async def mend(self, stays: Collection[Stay]) -> int:
        return await in_thread(partial(self._mend, stays))

    def _mend(self, stays: Collection[Stay]) -> int:
        mended = 0
        with self._turn:
            for stay in stays:
                if self._is_current(stay):
                    self._add(stay.room, stay.user, stay.data)
                    mended += 1
        return mended

    def _add(self, room: str, user: Any, data: Any) -> None:
        if self.ended:
            return
        try:
            with self._joining(room, user, data):
                Room.objects.add(room, self.channel_name, user, data)
        finally:
            # A server that cancels the consumer ends it while its handler is still at work in the thread.
            if self.ended:
                Presence.objects.leave_all(self.channel_name)
