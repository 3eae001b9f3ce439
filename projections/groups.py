"""Channel-layer groups kept in step with presence."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from channels.layers import get_channel_layer

from presence_events.models import PresenceEvent

logger = logging.getLogger(__name__)


async def follow(events: Iterable[PresenceEvent]) -> None:
    """Adds to the rooms' groups who joined, and discards who left or was pruned, in the order of ``events``.

    A discard that fails is logged: nobody listens there any more. An add that fails would leave a connection deaf, so
    the error is raised, once all the others have been dealt with. Does nothing without a channel layer.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    failure: Exception | None = None
    for event in events:
        change = layer.group_add if event.kind == "join" else layer.group_discard
        try:
            await change(event.room, str(event.channel_name))
        except Exception as error:
            logger.exception("The channel layer failed to follow: %s", event)
            if event.kind == "join":
                failure = failure or error
    if failure is not None:
        raise failure


async def add(room: str, channel_name: str) -> None:
    """Makes sure that ``channel_name`` is in the group of ``room``."""
    layer = get_channel_layer()
    if layer is not None:
        await layer.group_add(room, channel_name)
