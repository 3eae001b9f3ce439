"""Keeps the groups of the channel layer in step with presence.

The group of a room has the room's name. Its members are the channel names of the connections in the room. It is on the
channel layer of each of these connections (`projections._delivery.layers`). All functions ask the layers through
`_apply`, and do nothing for a layer that is not configured.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from channels.layers import get_channel_layer

from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow
from projections._delivery import layers

__all__ = [
    "LAYER_TIMEOUT",
    "MAX_CONCURRENT",
    "MAX_PENDING_DISCARDS",
    "add",
    "apply_events",
    "discard",
    "reconcile",
    "remember_pending_discards",
    "take_pending_discards",
]

logger = logging.getLogger("projections.groups")

LAYER_TIMEOUT = 10.0
"""Seconds that the channel layer has for one call of `reconcile`, which runs in the background."""

MAX_CONCURRENT = 64
"""Requests of one call that are under way at the same time. channels_redis opens a connection for each."""

MAX_PENDING_DISCARDS = 10_000
"""Discards of one database that one process still has to make."""

Pair = tuple[str, str]
"""A room and the channel name of a connection."""


async def apply_events(events: Iterable[PresenceEvent | EventRow], using: str) -> dict[int, Exception]:
    """Adds connections that joined to the group of the room, and discards those that left or were pruned.

    ``events`` are of the database ``using``. If there are several of a connection in a room, only the last of them is
    applied. Each change is tried once, without a timeout. Every failure is logged as soon as it happens, and a
    failed discard is remembered for `take_pending_discards`. Returns the errors of failed adds by the position of the
    join: such a connection does not receive the messages of its group.
    """
    last = {(event.room, str(event.channel_name)): event for event in events}

    def log(pair: Pair, error: Exception) -> None:
        room, channel_name = pair
        logger.error("Group update failed: %s %s %s", last[pair].kind, channel_name, room, exc_info=error)

    changes = {pair: event.kind == "join" for pair, event in last.items()}
    failed = await _apply(changes, using, on_failure=log)
    return {last[pair].id: error for pair, error in failed.items() if last[pair].kind == "join"}


async def reconcile(pairs: Collection[Pair], using: str, *, present: bool) -> None:
    """Adds all ``pairs`` of the database ``using`` to the groups of their rooms if ``present``, or else discards them.

    Each pair is tried twice, because the first request to a restarted layer may only reveal the broken connection. All
    pairs together have `LAYER_TIMEOUT` seconds. The failures are logged in one message, and failed discards are
    remembered for `take_pending_discards`. Nothing is raised or returned.
    """
    failed = await _apply(dict.fromkeys(pairs, present), using, attempts=2, time_limit=LAYER_TIMEOUT)
    if present:
        # Some layers keep groups in the process that has the connection. That process adds the connection itself.
        failed = {pair: error for pair, error in failed.items() if not isinstance(error, RuntimeError)}
    if failed:
        pair, error = min(failed.items(), key=lambda item: isinstance(item[1], _NoAnswer))
        change = "add" if present else "discard"
        logger.error("Group update failed: %s to %s, for example %s", len(failed), change, pair, exc_info=error)


async def add(room: str, channel_name: str, using: str) -> None:
    """Adds ``channel_name`` to the group of ``room``. The database ``using`` has it there.

    Raises what the layer raises.
    """
    failed = await _apply({(room, channel_name): True}, using)
    if failed:
        raise failed[room, channel_name]


async def discard(room: str, channel_name: str, using: str) -> None:
    """Discards ``channel_name`` from the group of ``room``, which it has left in the database ``using``.

    A failure is logged and remembered for `take_pending_discards`. Nothing is raised.
    """
    failed = await _apply({(room, channel_name): False}, using)
    if failed:
        error = failed[room, channel_name]
        logger.error("Group update failed: %s is still in %s", channel_name, room, exc_info=error)


def take_pending_discards(using: str) -> set[Pair]:
    """Returns the discards of the database ``using`` that this process still has to make, and forgets them.

    These are the ones that failed, and those of stays that another process ended: a layer that keeps its groups in the
    process of the connection, as the in-memory layer and ``channels_redis.pubsub`` do, ignored its discard. Before you
    make one, check that its connection has not come back to that database.
    """
    return set(_pending_discards.pop(using, ()))


def remember_pending_discards(pairs: Iterable[Pair], using: str) -> None:
    """Keeps ``pairs`` for `take_pending_discards`. Ignores those beyond `MAX_PENDING_DISCARDS` in each database."""
    known = _pending_discards.setdefault(using, {})
    known.update(dict.fromkeys(islice(pairs, max(MAX_PENDING_DISCARDS - len(known), 0))))


_pending_discards: dict[str, dict[Pair, None]] = {}


class _NoAnswer(TimeoutError):
    """The layer did not answer within the time limit."""


async def _apply(
    changes: Mapping[Pair, bool],
    using: str,
    *,
    attempts: int = 1,
    time_limit: float | None = None,
    on_failure: Callable[[Pair, Exception], None] | None = None,
) -> dict[Pair, Exception]:
    """Asks the layers for ``changes``: True adds a pair to the group of its room, False discards it.

    At most `MAX_CONCURRENT` requests are under way at the same time. Each change is tried ``attempts`` times at most,
    and not again if it would fail in the same way. Changes that are unfinished after ``time_limit`` seconds have failed
    too. ``on_failure`` is called with each failed change and its last error, as soon as it has failed on one layer. A
    failed discard is remembered for the database ``using``, unless the layer refuses the name. Returns the errors of
    all failed changes.
    """
    requests = [
        _Request(pair, alias, is_added)
        for pair, is_added in changes.items()
        for alias in (layers.of_add if is_added else layers.of_discard)(pair[1])
    ]
    batch = _Batch(requests, using, attempts, on_failure)
    with suppress(TimeoutError):
        async with asyncio.timeout(time_limit):
            await batch.run()
    # Without a time limit, the layer has cancelled them itself.
    batch.fail_unfinished(_NoAnswer("No answer." if time_limit is None else f"No answer within {time_limit} s."))
    return batch.failed


class _Request(NamedTuple):
    """A change of one pair on the layer ``alias``."""

    pair: Pair
    alias: str
    is_added: bool


class _Batch:
    """The requests of one call of `_apply`. Its ``failed`` has an error of each failed change."""

    def __init__(
        self,
        requests: Collection[_Request],
        using: str,
        attempts: int,
        on_failure: Callable[[Pair, Exception], None] | None,
    ) -> None:
        self.failed: dict[Pair, Exception] = {}
        self._using = using
        self._attempts = attempts
        self._on_failure = on_failure
        self._unfinished = dict[_Request, Exception | None].fromkeys(requests)

    async def run(self) -> None:
        queue = iter(list(self._unfinished))
        if len(self._unfinished) == 1:
            await self._work(queue)
            return
        async with asyncio.TaskGroup() as workers:
            workers.create_task(self._work(queue))
            await asyncio.sleep(0)
            # With a layer in memory, the first worker has done everything.
            for _ in range(min(MAX_CONCURRENT, len(self._unfinished)) - 1):
                workers.create_task(self._work(queue))

    def fail_unfinished(self, error: Exception) -> None:
        """Fails the requests that are unfinished, with ``error`` if they have none of an earlier attempt."""
        for request, earlier in self._unfinished.items():
            self._fail(request, earlier or error)

    async def _work(self, queue: Iterator[_Request]) -> None:
        for request in queue:
            final = _FINAL_FOR_ADD if request.is_added else TypeError
            for _ in range(self._attempts):
                try:
                    layer: Any = get_channel_layer(request.alias)
                    if layer is not None:
                        await (layer.group_add if request.is_added else layer.group_discard)(*request.pair)
                except Exception as error:
                    self._unfinished[request] = error
                    if isinstance(error, final):
                        break
                else:
                    self._unfinished[request] = None
                    break
            failure = self._unfinished.pop(request)
            if failure is not None:
                self._fail(request, failure)

    def _fail(self, request: _Request, error: Exception) -> None:
        is_new = request.pair not in self.failed
        self.failed[request.pair] = error
        if not request.is_added and not isinstance(error, TypeError):
            remember_pending_discards([request.pair], self._using)
        if self._on_failure and is_new:
            self._on_failure(request.pair, error)


_FINAL_FOR_ADD = (TypeError, RuntimeError)
"""Errors that another attempt would raise again: the layer refuses the name, or another process has the connection."""
