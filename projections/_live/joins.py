"""Records the join of one connection, and adds the connection to the group of the room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connections, transaction

from presence_events import concurrency
from presence_events.models import PresenceEvent
from presence_events.recorder import arecord_select, record_select
from projections import selections
from projections._delivery import groups

__all__ = ["Joined", "ajoin", "join"]


class Joined(NamedTuple):
    """The stay that a join has begun."""

    session: int | None
    is_leased: bool


def join(using: str, room: str, channel_name: str, user: Any, data: Any, *, is_leased: bool = False) -> Joined | None:
    """Records the join. With ``is_leased``, the beats of this process keep the connection alive.

    Returns None if the connection was present already, so nothing was recorded.

    Raises what `record_select` raises, and what the channel layer raises. If the layer fails, the join is recorded
    nevertheless. Inside ``atomic``, the error of the layer is logged instead.
    """
    events = record_select(selections.join(room, channel_name, user, data, is_leased=is_leased), using=using)
    if not events:
        # Present already, but the layer may have lost the membership (by a restart, or its group_expiry).
        transaction.on_commit(
            lambda: concurrency.run(groups.add, room, channel_name, using),
            using=using,
            robust=connections[using].in_atomic_block,
        )
    return _joined(events)


async def ajoin(
    using: str, room: str, channel_name: str, user: Any, data: Any, *, is_leased: bool = False
) -> Joined | None:
    """Does the same as `join`, as a coroutine."""
    events = await arecord_select(selections.join(room, channel_name, user, data, is_leased=is_leased), using=using)
    if not events:
        await groups.add(room, channel_name, using)
    return _joined(events)


def _joined(events: Sequence[PresenceEvent]) -> Joined | None:
    """The last of ``events`` is the join. The leave of another user's stay may come before it."""
    return Joined(events[-1].session, bool(events[-1].is_leased)) if events else None
