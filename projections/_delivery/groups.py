"""Channel-layer groups kept in step with presence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from channels.layers import get_channel_layer

from presence_events.models import PresenceEvent

__all__ = ["AT_ONCE", "add", "correct", "discard", "follow", "owe", "owed"]

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a layer has for groups that nobody waits for."""

AT_ONCE = 64
"""How many changes are on their way to the layer at the same time: channels_redis opens a connection for each."""


async def follow(events: Iterable[PresenceEvent]) -> dict[int, Exception]:
    """Adds to the rooms' groups who joined, and discards who left or was pruned: of each connection in each room what
    ``events`` says last.

    A discard that fails is logged, and `owed`. An add that fails leaves a connection deaf: it is logged, and returned
    under the position of the join. Does nothing without a channel layer.
    """
    layer = get_channel_layer()
    if layer is None:
        return {}
    failures: dict[int, Exception] = {}
    last = {(event.room, str(event.channel_name)): event for event in events}
    changes = iter(last.items())
    await asyncio.gather(*(_make(changes, layer, failures) for _ in range(min(AT_ONCE, len(last)))))
    return failures


async def _make(
    changes: Iterable[tuple[tuple[str, str], PresenceEvent]], layer: Any, failures: dict[int, Exception]
) -> None:
    for pair, event in changes:
        change = layer.group_add if event.kind == "join" else layer.group_discard
        try:
            await change(*pair)
        except Exception as error:
            logger.exception("The channel layer failed to follow: %s", event)
            if event.kind == "join":
                failures[event.id] = error
            elif not isinstance(error, TypeError):  # the layer refuses the name, and always will
                owe([pair])


async def correct(pairs: Collection[tuple[str, str]], *, present: bool) -> None:
    """Makes sure that of ``pairs`` each channel name is in the group of its room, or that none is.

    That is tried twice, since a layer that was restarted is noticed at the first, and for ten seconds at most. Failures
    are logged, and discards that failed `owed`.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    change = layer.group_add if present else layer.group_discard
    left = dict[tuple[str, str], Exception | None].fromkeys(pairs)
    queue = iter(list(left))

    async def make() -> None:
        for pair in queue:
            for _ in range(2):
                try:
                    await change(*pair)
                except Exception as error:
                    left[pair] = error
                    # Where groups are in the process that has the connection, that one has to add it, and does.
                    is_done = present and isinstance(error, RuntimeError)
                else:
                    is_done = True
                if is_done:
                    del left[pair]
                    break

    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(make() for _ in range(min(AT_ONCE, len(left)))))
    if left:
        pair, why = next(((pair, error) for pair, error in left.items() if error), (next(iter(left)), None))
        what = "add" if present else "discard"
        logger.error("The channel layer failed to follow: %s to %s, one is %s", len(left), what, pair, exc_info=why)
        if not present:
            owe(pair for pair, error in left.items() if not isinstance(error, TypeError))


_owed: dict[tuple[str, str], None] = {}

MOST_OWED = 10_000
"""So many discards that failed are remembered."""


def owed() -> set[tuple[str, str]]:
    """The discards that have failed in this process since the last time that somebody asked, and that the layer may be
    asked for again, if nobody has come back."""
    pairs = set[tuple[str, str]]()
    while _owed:
        pairs.add(_owed.popitem()[0])
    return pairs


def owe(pairs: Iterable[tuple[str, str]]) -> None:
    """Remembers ``pairs`` for `owed`."""
    _owed.update(dict.fromkeys(islice(pairs, max(MOST_OWED - len(_owed), 0))))


async def add(room: str, channel_name: str) -> None:
    """Makes sure that ``channel_name`` is in the group of ``room``."""
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_add(room, channel_name)


async def discard(room: str, channel_name: str) -> None:
    """Makes sure that ``channel_name`` is not in the group of ``room``. A failure is logged, and `owed`."""
    layer = get_channel_layer()
    if layer is not None:
        try:
            await layer.group_discard(room, channel_name)
        except Exception:
            logger.exception("The channel layer failed to follow: %s is not in %s", channel_name, room)
            owe([(room, channel_name)])
