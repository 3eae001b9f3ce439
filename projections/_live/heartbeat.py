"""Heartbeats without the client: an event loop vouches for its live connections.

Every third of ``CHANNELS_PRESENCE_MAX_AGE`` one statement touches all connections of the loop that are in a room, and
its answer says who is no longer present although nobody here ended that. Those are looked up in the log, and then
evicted, healed or forgotten (`projections._live.verdict.fate`). A prune that this process itself recorded is looked into at
once; one of another process with the next beat.

With every sixth beat a connection is added to the groups of its rooms once more, since channel layers forget: after a
day (``group_expiry``), and when they are emptied or restarted without their data.

Nothing is kept, and nothing runs, while there are no connections. A beat that fails is logged, and the next one tries
again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine, Iterable
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from presence_events.concurrency import in_thread
from presence_events.databases import write_alias
from presence_events.models import PresenceEvent
from presence_events.recorder import arecord_quietly
from presence_events.signals import aevents_committed, events_committed
from projections import conf, selections
from projections._delivery import groups
from projections._delivery.lookup import absent
from projections._live.connection import Connection, Stay
from projections._live.stopwatch import Stopwatch
from projections._live.verdict import Ending, endings

__all__ = ["BEATS", "Heart", "of_running_loop"]

logger = logging.getLogger(__name__)

BEATS = 3
"""Beats in the age at which a connection counts as gone, so that one that fails or is late harms nobody."""

REGROUP = 6
"""Beats in which every connection is added to its groups again: nobody is deaf for more than twice the maximal age."""

SHORTEST = 0.1
"""Seconds between two beats at least."""

SOON = 1.0
"""Seconds after a beat that failed, at most: if it was the database, it is back by now or will be soon."""

GRACE, TICK = 5.0, 0.01
"""Seconds for consumers that were cancelled to come to their end, and between two looks whether they have."""

Suspects = list[tuple[Connection, list[Stay]]]


class Heart:
    """The live connections of one event loop, in which everything here is called unless it says otherwise."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._leaves: set[asyncio.Task[None]] = set()
        self._farewell: asyncio.Task[None] | None = None
        self._noticed: set[Connection] = set()
        self._healing = False
        self._regrouped = 0
        self._last_beat = self._last_look = Stopwatch()

    def enter(self, connection: Connection) -> None:
        """``connection`` is joining its first room."""
        if connection.ended:
            return
        self._connections[connection.channel_name] = connection
        _by_channel_name[connection.channel_name] = connection
        if self._timer is None and self._beating is None:
            self._last_beat = self._last_look = Stopwatch()
            self._schedule()

    def exit(self, connection: Connection) -> None:
        """``connection`` has ended."""
        self._connections.pop(connection.channel_name, None)
        if not self._connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def see_off(self, leaving: Coroutine[Any, Any, Any], *, cancelled: bool) -> None:
        """Runs ``leaving``, by which a consumer leaves its rooms at its end. If the server has ``cancelled`` it, it
        waits for all others who are leaving or about to: daphne cancels everybody when it is stopped, and is gone as
        soon as one of them has ended."""
        # Not the context of the consumer: cancelled while its thread waits for the loop, it points to where nothing can
        # be run any more.
        task = asyncio.get_running_loop().create_task(leaving, context=Context())
        self._leaves.add(task)
        task.add_done_callback(self._leaves.discard)
        await asyncio.shield(task)
        if cancelled:
            await self.others_left()

    async def others_left(self) -> None:
        """Returns when everyone has left who is leaving now, or is cancelled and about to. Those who ask meanwhile
        wait for the same."""
        if self._farewell is None and (self._leaves or self._somebody_is_cancelled()):
            self._farewell = asyncio.get_running_loop().create_task(self._wait_for_leaves())
        if self._farewell is not None:
            await asyncio.shield(self._farewell)

    def evict_soon(self, connection: Connection) -> None:
        """Closes ``connection``. In any thread."""
        connection.loop.call_soon_threadsafe(self._start, connection.close)

    def notice(self, connection: Connection) -> None:
        """A stay of ``connection`` was pruned: it is looked into, together with what else is noticed until then."""
        if not self._noticed:
            self._start(self._look_into_noticed)
        self._noticed.add(connection)

    def endings(self, stays: Collection[tuple[str, str]]) -> dict[tuple[str, str], Ending]:
        """How those of ``stays`` that are over ended since the last look. Synchronous, for the thread of queries."""
        return endings(stays, self._last_look.age(), write_alias())

    async def touch_everyone(self) -> tuple[Suspects, bool, Stopwatch]:
        """Returns who is missing, whether the process was away, and when this began."""
        now = Stopwatch()
        present: set[tuple[str, str]] = set()
        everyone = [(connection, connection.stays()) for connection in self._connections.values()]
        vouched = [
            (stay.room, connection.channel_name)
            for connection, stays in everyone
            if connection.heartbeat
            for stay in stays
        ]
        if vouched:
            present = {(one.room, one.channel_name) for one in await arecord_quietly(selections.heartbeat(vouched))}
        suspects: Suspects = []
        for connection, stays in everyone:
            seen: list[Stay] = []
            missing: list[Stay] = []
            for stay in stays:
                (seen if (stay.room, connection.channel_name) in present else missing).append(stay)
            connection.was_seen(seen, now)
            suspects.append((connection, missing))
        away = self._last_beat.age() > conf.max_age()
        self._last_beat = now
        return suspects, away, now

    async def look_into_missing(self, suspects: Suspects, away: bool, now: Stopwatch) -> None:
        """With what `touch_everyone` returned."""
        await self._look_into(suspects, away)
        self._last_look = now

    async def renew_groups(self) -> None:
        """A part of the connections is added to the groups of their rooms: a layer may have forgotten them. Who could
        not be discarded when they left is discarded now. Whatever happens meanwhile, the database has the last word."""
        self._regrouped = (self._regrouped + 1) % REGROUP
        due = [each for each in self._connections.values() if hash(each.channel_name) % REGROUP == self._regrouped]
        pairs = {(stay.room, each.channel_name) for each in due for stay in each.stays()}
        if pairs:
            await groups.correct(pairs, present=True)
        pairs |= groups.owed()
        try:
            gone = await self._absent(pairs)
        except BaseException:
            groups.owe(pairs)
            raise
        if gone:
            await groups.correct(gone, present=False)
            back = gone - await self._absent(gone)
            if back:
                await groups.correct(back, present=True)

    async def _absent(self, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return await in_thread(partial(absent, pairs, write_alias())) if pairs else pairs

    async def _look_into(self, suspects: Suspects, away: bool) -> None:
        suspects = [(connection, stays) for connection, stays in suspects if stays]
        if not suspects:
            return
        pairs = [(stay.room, connection.channel_name) for connection, stays in suspects for stay in stays]
        found = await in_thread(partial(self.endings, pairs))
        heal = [(connection, connection.judge(stays, found, away=away)) for connection, stays in suspects]
        results = await asyncio.gather(
            *(connection.mend(stays) for connection, stays in heal if stays), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            logger.error(
                "%s connections could not rejoin their rooms. The next beat tries again.",
                len(failures),
                exc_info=failures[0],
            )

    async def _look_into_noticed(self) -> None:
        noticed, self._noticed = self._noticed, set()
        away = self._last_beat.age() > conf.max_age()
        try:
            await self._look_into([(connection, connection.stays()) for connection in noticed], away)
        except Exception:
            logger.exception("Could not look into what was pruned. The next beat does.")

    async def _beat_and_go_on(self) -> None:
        failed = True
        try:
            missing = await self.touch_everyone()
            failed = False
        except Exception:
            logger.exception("The heartbeat of %s connections failed. Another one follows.", len(self._connections))
        finally:
            self._beating = None
            if self._connections:
                self._schedule(soon=failed)
        # Healing may take long, as channel layers and receivers do: the next beat does not wait for it.
        if not failed and not self._healing:
            self._healing = True
            try:
                await self.look_into_missing(*missing)
                await self.renew_groups()
            except Exception:
                logger.exception("Could not look into who is missing. The next beat tries again.")
            finally:
                self._healing = False

    async def _wait_for_leaves(self) -> None:
        try:
            for _ in range(int(GRACE / TICK)):
                if self._leaves:
                    await asyncio.wait(self._leaves.copy())
                elif self._somebody_is_cancelled():
                    await asyncio.sleep(TICK)
                else:
                    break
        finally:
            self._farewell = None

    def _somebody_is_cancelled(self) -> bool:
        return any(connection.task.cancelling() for connection in self._connections.values())

    def _schedule(self, *, soon: bool = False) -> None:
        # Not the context of whoever came first: it would live as long as the connections do.
        seconds = max(conf.max_age() / BEATS, SHORTEST)
        self._timer = asyncio.get_running_loop().call_later(
            min(seconds, SOON) if soon else seconds, self._on_time, context=Context()
        )

    def _on_time(self) -> None:
        self._timer = None
        self._beating = self._start(self._beat_and_go_on)

    def _start(self, function: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(function(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Heart] = WeakKeyDictionary()
_by_channel_name: WeakValueDictionary[str, Connection] = WeakValueDictionary()


def of_running_loop() -> Heart:
    loop = asyncio.get_running_loop()
    heart = _of_loop.get(loop)
    if heart is None:
        _of_loop[loop] = heart = Heart()
        # Only now, since who has no such consumers need not pay for it.
        events_committed.connect(_on_commit, dispatch_uid="projections._live.heartbeat")
        aevents_committed.connect(_on_acommit, dispatch_uid="projections._live.heartbeat")
    return heart


def _on_commit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    for event in events:
        connection = _by_channel_name.get(str(event.channel_name)) if event.kind == "prune" else None
        if connection is not None:
            # A loop that is closed has no connections any more.
            with suppress(RuntimeError):
                connection.loop.call_soon_threadsafe(connection.heart.notice, connection)


async def _on_acommit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    _on_commit(events, using)
