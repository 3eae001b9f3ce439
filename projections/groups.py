"""Channel-layer groups kept in step with presence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from typing import Any

from channels.layers import get_channel_layer

from presence_events.models import PresenceEvent

__all__ = ["AT_ONCE", "add", "correct", "discard", "follow"]

logger = logging.getLogger(__name__)

PATIENCE = 10.0
"""Seconds that a layer has for groups that nobody waits for."""

AT_ONCE = 64
"""How many changes are on their way to the layer at the same time: channels_redis opens a connection for each."""


async def follow(events: Iterable[PresenceEvent]) -> dict[int, Exception]:
    """Adds to the rooms' groups who joined, and discards who left or was pruned: of each connection in each room what
    ``events`` says last.

    A discard that fails is logged: nobody listens there any more. An add that fails leaves a connection deaf: it is
    logged, and returned under the position of the join. Does nothing without a channel layer.
    """
    layer = get_channel_layer()
    if layer is None:
        return {}
    failures: dict[int, Exception] = {}
    last = {(event.room, event.channel_name): event for event in events}
    changes = iter(last.values())
    await asyncio.gather(*(_make(changes, layer, failures) for _ in range(min(AT_ONCE, len(last)))))
    return failures


async def _make(changes: Iterable[PresenceEvent], layer: Any, failures: dict[int, Exception]) -> None:
    for event in changes:
        change = layer.group_add if event.kind == "join" else layer.group_discard
        try:
            await change(event.room, event.channel_name)
        except Exception as error:
            logger.exception("The channel layer failed to follow: %s", event)
            if event.kind == "join":
                failures[event.id] = error


async def correct(pairs: Collection[tuple[str, str]], *, present: bool) -> None:
    """Makes sure that of ``pairs`` each channel name is in the group of its room, or that none is. That is tried twice,
    since a layer that was restarted is noticed at the first, and for ten seconds at most. Failures are logged."""
    layer = get_channel_layer()
    if layer is None:
        return
    change = layer.group_add if present else layer.group_discard
    failures: dict[tuple[str, str], Exception] = {}
    queue = iter(pairs)

    async def make() -> None:
        for pair in queue:
            for _ in range(2):
                try:
                    await change(*pair)
                except Exception as error:
                    failures[pair] = error
                else:
                    failures.pop(pair, None)
                    break

    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(make() for _ in range(min(AT_ONCE, len(pairs)))))
    except TimeoutError:
        logger.error("The channel layer did not follow in %s seconds: some are in groups who should not be", PATIENCE)
    if failures:
        pair, error = next(iter(failures.items()))
        logger.error("The channel layer failed to follow in %s cases, one is %s", len(failures), pair, exc_info=error)


async def add(room: str, channel_name: str) -> None:
    """Makes sure that ``channel_name`` is in the group of ``room``."""
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_add(room, channel_name)


async def discard(room: str, channel_name: str) -> None:
    """Makes sure that ``channel_name`` is not in the group of ``room``. A failure is logged."""
    layer = get_channel_layer()
    if layer is not None:
        try:
            await layer.group_discard(room, channel_name)
        except Exception:
            logger.exception("The channel layer failed to follow: %s is not in %s", channel_name, room)
