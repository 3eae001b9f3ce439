"""Tells the feeds of all processes which rooms have changed, after each commit.

The feeds of the same process are told directly. Those of other processes are told through the default channel layer, in
one message for all rooms that changed within `COLLECT` seconds. Messages can be lost: feeds also read the log every
second.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from functools import cache, partial
from typing import Any

from channels.layers import get_channel_layer

from presence_events import concurrency
from presence_events.concurrency import PerLoop, before_loop_closes, sending_loop
from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow
from presence_events.signals import arows_committed, events_committed
from projections._live.background import BackgroundTasks
from projections.rosters import feed

__all__ = ["COLLECT", "GROUP", "connect", "listen"]

logger = logging.getLogger("projections.rosters")

GROUP = "presence.rosters"
"""The group of the channel layer that has one channel of each event loop with feeds."""

COLLECT = 0.025
"""Seconds for which the changes of an event loop are collected before they are sent."""

RENEW = 30.0
"""Seconds after which a loop adds its channel to the group again, because layers lose groups."""

RETRY = 1.0
"""Seconds after which the layer is tried again."""

_PROCESS = secrets.token_hex(8)
"""Names this process in its messages, which it ignores."""

_UID = "projections.rosters.wakeups"


@cache
def connect() -> None:
    """Makes this process tell the feeds of all processes about the events that it records."""
    events_committed.connect(_on_commit, dispatch_uid=_UID)
    arows_committed.connect(_on_acommit, dispatch_uid=_UID)


def listen() -> None:
    """Wakes the feeds of this process when another one tells that rooms have changed. Call it in their event loop.

    Does nothing if the event loop listens already.
    """
    loop = _loops.current()
    if loop.listener is None or loop.listener.done():
        loop.listener = loop.tasks.start(_listen)


class _Loop:
    """What one event loop has to tell, and the task that listens. Make it in this loop."""

    def __init__(self) -> None:
        self.tasks = BackgroundTasks()
        self.listener: asyncio.Task[None] | None = None
        self._changed: dict[str, set[str]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self._shutdown_hook: Any = before_loop_closes(self._end)

    def tell(self, using: str, rooms: set[str]) -> None:
        """Tells other processes soon, unless the loop is closing."""
        if self._is_closing:
            return
        self._changed.setdefault(using, set()).update(rooms)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COLLECT, self._send, context=Context())

    def _send(self) -> None:
        self._timer = None
        changed, self._changed = self._changed, {}
        self.tasks.start(partial(_send, changed))

    async def _end(self) -> None:
        """Ends the tasks. What the loop records after that is found by the feeds of other processes."""
        self._is_closing = True
        if self._timer is not None:
            self._timer.cancel()
        await self.tasks.cancel()
        # They refer to the loop, and this object is kept until another loop is made.
        self.listener = self._timer = self._shutdown_hook = None


async def _send(changed: dict[str, set[str]]) -> None:
    layer = get_channel_layer()
    if layer is None:
        return
    message = {
        "type": GROUP,
        "process": _PROCESS,
        "changed": {using: sorted(rooms) for using, rooms in changed.items()},
    }
    try:
        await layer.group_send(GROUP, message)
    except Exception as error:
        logger.debug("Other processes could not be told about changes, and will find them: %r", error)


async def _listen() -> None:
    channel = ""
    while True:
        layer = get_channel_layer()
        if layer is None:
            return
        try:
            channel = channel or await layer.new_channel()
            await layer.group_add(GROUP, channel)
            with suppress(TimeoutError):
                async with asyncio.timeout(RENEW):
                    while True:
                        _receive(await layer.receive(channel))
        except Exception as error:
            logger.debug("The channel layer failed, and is tried again: %r", error)
            await asyncio.sleep(RETRY)


def _receive(message: Any) -> None:
    if message["process"] != _PROCESS:
        for using, rooms in message["changed"].items():
            feed.wake(using, rooms)


def _on_commit(events: Iterable[PresenceEvent], using: str, **kwargs: Any) -> None:
    rooms = _changed_rooms(events)
    if not rooms:
        return
    feed.wake(using, rooms)
    loop = sending_loop()
    if loop is None:
        concurrency.run(_send, {using: rooms})
    else:
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            loop.call_soon_threadsafe(_tell, using, rooms, context=Context())


async def _on_acommit(rows: list[EventRow], using: str, **kwargs: Any) -> None:
    rooms = _changed_rooms(rows)
    if rooms:
        feed.wake(using, rooms)
        _tell(using, rooms)


def _changed_rooms(events: Iterable[PresenceEvent | EventRow]) -> set[str]:
    return {
        event.room
        for event in events
        if event.channel_name is not None and (event.kind != "touch" or event.data is not None)
    }


_loops = PerLoop(_Loop)


def _tell(using: str, rooms: set[str]) -> None:
    _loops.current().tell(using, rooms)
