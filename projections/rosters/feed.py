"""Keeps the rosters of one event loop in step with the log of one database, and sends their followers what changes.

A task reads the log for all rooms together. It reads soon after it was told that a room has changed
(`projections.rosters.wakeups`), and every second in any case. What is read is collected for `QUIET` seconds, or for
`BUSY` seconds if the room has changed within the last second. The messages of a room are made once for all followers
with the same view.

If the database is unavailable, the task tries again. Followers keep what they have, and continue from there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from contextlib import suppress
from contextvars import Context
from functools import partial

from presence_events.concurrency import PerLoop, in_thread
from projections._live.background import BackgroundTasks
from projections.rosters import reading
from projections.rosters.follower import Follower
from projections.rosters.messages import encode
from projections.rosters.replica import Replica
from projections.rosters.roster import Roster

__all__ = ["BUSY", "POLL", "QUIET", "Feed", "feed", "wake"]

logger = logging.getLogger("projections.rosters")

QUIET = 0.05
"""Seconds for which the changes of a room are collected after a quiet second."""

BUSY = 0.25
"""Seconds between two messages of a room that goes on changing."""

EARLY = 0.02
"""Seconds by which a room may be early. So one query reads for all rooms that are due at about the same time."""

POLL = 1.0
"""Seconds after which the log is read without a wake-up, and tried again after an error."""

_Key = tuple[Roster, str]


class _Room:
    """A room that is followed: its replica, the followers that are up to date, and when to publish."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.followers: dict[Hashable, set[Follower]] = defaultdict(set)
        self.published = float("-inf")
        self.due: float | None = None

    def wake(self, now: float) -> None:
        """Makes the room due, if it is not yet."""
        if self.due is None:
            self.due = now + QUIET if now - self.published > 1 else max(now + QUIET, self.published + BUSY)

    def next(self) -> float | None:
        """Returns when to publish next, or None if there is nothing to wait for."""
        return self.replica.next_expiry() if self.due is None else self.due

    def take_due(self, by: float) -> bool:
        """Returns whether the room is due at the time ``by``. What wakes it from now on makes it due again."""
        is_due = self.due is not None and self.due <= by
        if is_due:
            self.due = None
        return is_due

    def may_answer(self, follower: Follower) -> bool:
        """Returns whether ``follower`` may see the room: the connection is in it, or is that of an observer."""
        return follower.channel_name is None or follower.channel_name in self.replica.channels

    def all_followers(self) -> list[Follower]:
        return [follower for each in self.followers.values() for follower in each]


class Feed:
    """The rosters of the running event loop in the database ``using``. Use it in this loop.

    A step of its task costs what the rooms cost that have changed, and not what all rooms cost that are followed.
    """

    def __init__(self, using: str) -> None:
        self._tasks = BackgroundTasks()
        self._using = using
        self._reader: reading.Reader | None = None
        self._log = ""
        self._rooms: dict[_Key, _Room] = {}
        self._by_name = defaultdict[str, set[_Key]](set)
        self._next: dict[_Key, float] = {}
        self._left: set[_Key] = set()
        self._waiting: dict[Follower, float] = {}
        self._earlier: dict[str, int] = {}
        self._event = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, follower: Follower) -> None:
        """Sends ``follower`` an answer to its mark, and then every change. Call it again to answer again."""
        follower.on_sent = self.follow
        follower.is_looked_up = False
        self._release(follower)
        self._waiting[follower] = time.monotonic() + QUIET
        self._event.set()
        if self._task is None or self._task.done():
            self._task = self._tasks.start(self._run)

    def unfollow(self, follower: Follower) -> None:
        """Sends ``follower`` nothing more."""
        follower.on_sent = None
        self._waiting.pop(follower, None)
        self._release(follower)
        self._event.set()

    def dismiss(self, follower: Follower) -> None:
        """Tells ``follower`` that it does not follow the room any more, and sends it nothing more."""
        self.unfollow(follower)
        _tell(follower)

    def wake(self, rooms: Iterable[str]) -> None:
        """Reads the log soon, because ``rooms`` have changed. Does nothing for rooms that are not followed."""
        for key in self._keys_of(rooms):
            self._rooms[key].wake(time.monotonic())
            self._schedule(key)
            self._event.set()

    def _keys_of(self, names: Iterable[str]) -> set[_Key]:
        """Returns the keys of those of the rooms ``names`` that are followed."""
        return {key for name in names if name in self._by_name for key in self._by_name[name]}

    def _schedule(self, key: _Key) -> None:
        """Notes when there is something to publish next in a room, if the room is still followed."""
        room = self._rooms.get(key)
        if room is not None and (moment := room.next()) is not None:
            self._next[key] = moment
        else:
            self._next.pop(key, None)

    def _release(self, follower: Follower) -> None:
        key = follower.roster, follower.room
        if key in self._rooms:
            self._rooms[key].followers[follower.view].discard(follower)
            self._left.add(key)

    async def _run(self) -> None:
        while self._waiting or self._rooms:
            await self._wait()
            try:
                await self._step()
            except Exception as error:
                logger.warning("Could not read the log for rosters, and will try again: %r", error)
                self._reader = None
                await asyncio.sleep(POLL)
        self._reader = None  # what is appended until the next one need not be read

    async def _wait(self) -> None:
        """Waits until a room is due, a follower needs one, or `POLL` seconds are over."""
        poll = time.monotonic() + POLL
        while True:
            self._event.clear()
            due = min([poll, *self._waiting.values(), *self._next.values()])
            seconds = due - time.monotonic()
            if seconds <= 0:
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._event.wait()

    async def _step(self) -> None:
        """Reads the log once, and sends what is due."""
        needed = {(follower.roster, follower.room) for follower in self._waiting}
        self._waiting = dict.fromkeys(self._waiting, float("inf"))
        for key in self._left - needed:
            if key in self._rooms and not self._rooms[key].all_followers():
                self._remove(key)
        self._left.clear()
        is_new = self._reader is None
        if self._reader is None:
            self._reader = await in_thread(partial(reading.Reader, self._using))
            self._begin(self._reader.log)
        new = needed - self._rooms.keys()
        load = {name for _, name in (new | self._rooms.keys() if is_new else new)}
        by = time.monotonic() + EARLY
        ripe = {key for key, moment in self._next.items() if moment <= by}
        due = {key for key in ripe if self._rooms[key].take_due(by)} | new
        earlier, self._earlier = self._earlier, {}
        read = await in_thread(partial(self._reader.read, list(self._by_name), load, earlier))
        for roster, name in new:
            self._rooms[roster, name] = _Room(Replica(roster, name, self._log))
            self._by_name[name].add((roster, name))
        self._left |= new  # their followers may have gone meanwhile
        changed = self._keys_of(read.events.keys() | read.loaded.keys() | read.changes.keys())
        waiting = defaultdict[_Key, list[Follower]](list)
        for follower in self._waiting:
            waiting[follower.roster, follower.room].append(follower)
        for key in changed | ripe | waiting.keys():
            if key in self._rooms:
                self._apply(read, self._rooms[key], waiting[key])
                await self._try_to_publish(key, waiting[key], is_due=key in due)
                self._schedule(key)

    def _begin(self, log: str) -> None:
        """Begins to read ``log``. Drops the replicas of another log, whose followers then get an answer of this one."""
        if log != self._log:
            for key in list(self._rooms):
                self._drop(key)
        self._log = log

    def _drop(self, key: _Key) -> None:
        """Forgets the replica of a room. The next step loads it again, and answers its followers."""
        self._waiting |= dict.fromkeys(self._remove(key).all_followers(), float("inf"))

    def _remove(self, key: _Key) -> _Room:
        self._by_name[key[1]].discard(key)
        if not self._by_name[key[1]]:
            del self._by_name[key[1]]
        self._next.pop(key, None)
        return self._rooms.pop(key)

    def _apply(self, read: reading.Read, room: _Room, waiting: Iterable[Follower]) -> None:
        replica, name, now = room.replica, room.replica.room, time.monotonic()
        is_checked = name in read.loaded
        if is_checked:
            replica.load(*read.loaded[name])
        for event in read.events.get(name, ()):
            if replica.apply(event, now) and event.kind in ("leave", "prune"):
                is_checked = True
        if read.mark.snapshot.covers(replica.mark.snapshot):
            replica.mark = read.mark
        if name in read.changes and not replica.roster.names_people:
            replica.history.extend(*read.changes[name])
        if is_checked:
            for follower in [*room.all_followers(), *(one for one in waiting if one in self._waiting)]:
                if follower.is_admitted and not room.may_answer(follower):
                    room.followers[follower.view].discard(follower)
                    self._waiting[follower] = float("inf")
                    _tell(follower)

    async def _try_to_publish(self, key: _Key, waiting: Iterable[Follower], *, is_due: bool) -> None:
        try:
            await self._publish(self._rooms[key], waiting, is_due=is_due)
        except Exception:
            # The other rooms go on. What was read of this one may be lost, so it is loaded again.
            logger.exception("The roster of %s could not be sent, and will be tried again.", key[1])
            self._drop(key)

    async def _publish(self, room: _Room, waiting: Iterable[Follower], *, is_due: bool) -> None:
        """Sends what has changed in ``room`` if it is due, and answers the followers that wait for it."""
        replica, now = room.replica, time.monotonic()
        if replica.has_changes(now) and not is_due:
            room.wake(now)
            return
        replica.keep_views([view for view, followers in room.followers.items() if followers])
        messages = await replica.publish(now, reading.adescribe)
        if messages:
            room.published = now
        for view, (text, mark) in messages.items():
            for follower in room.followers[view]:
                follower.offer(text, mark)
        for follower in waiting:
            if follower not in self._waiting or not room.may_answer(follower):
                continue
            after = None if follower.is_looked_up else replica.missing_history(follower.view, follower.mark)
            if after is None:
                del self._waiting[follower]
                room.followers[follower.view].add(follower)
                follower.is_admitted = True
                follower.offer(*replica.answer(follower.view, follower.mark))
            else:
                follower.is_looked_up = True
                self._earlier[follower.room] = min(after, self._earlier.get(follower.room, after))
                self._waiting[follower] = now


def _tell(follower: Follower) -> None:
    """Tells ``follower`` that it does not follow the room any more. The client drops what it has."""
    follower.tell(encode({"type": "presence.unfollowed", "room": follower.room}))
    follower.mark, follower.is_admitted = None, False


_feeds = PerLoop[dict[str, Feed]](dict)


def feed(using: str) -> Feed:
    """Returns the feed of the running event loop for the database ``using``."""
    of_loop = _feeds.current()
    if using not in of_loop:
        of_loop[using] = Feed(using)
    return of_loop[using]


def wake(using: str, rooms: Collection[str]) -> None:
    """Tells all feeds of this process that ``rooms`` have changed in the database ``using``. Call it in any thread."""
    for loop, of_loop in list(_feeds.items()):
        if using in of_loop:
            # RuntimeError: the loop is closed, so it has no followers any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(of_loop[using].wake, rooms, context=Context())
