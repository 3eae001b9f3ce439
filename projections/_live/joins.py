"""Records the join of one connection, and adds the connection to the group of the room."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.db import IntegrityError, connections, transaction

from presence_events import concurrency
from presence_events.concurrency import in_thread, is_called_by_synchronous_code
from presence_events.models import PresenceEvent
from presence_events.recorder import EventRow, Selection, arecord_rows, record_select
from projections import selections
from projections._delivery import groups
from projections._live.limits import MAX_ATTEMPTS, NO_LIMITS, LimitedJoin, Limits

__all__ = ["Joined", "ajoin", "join"]


class Joined(NamedTuple):
    """The stay that a join has begun."""

    session: int | None
    is_leased: bool


def join(
    using: str,
    room: str,
    channel_name: str,
    user: Any,
    data: Any,
    *,
    is_leased: bool = False,
    limits: Limits = NO_LIMITS,
) -> Joined | None:
    """Records the join. With ``is_leased``, the beats of this process keep the connection alive.

    Returns None if the connection was present already, so nothing was recorded.

    Raises what `record_select` raises, and what the channel layer raises. If the layer fails, the join is recorded
    nevertheless. Inside ``atomic``, the error of the layer is logged instead. Raises `RoomIsFull` or `AlreadyPresent`
    if ``limits`` do not allow the join. Nothing is recorded then.
    """
    capacity, exclusive = limits
    selection = selections.join(
        room, channel_name, user, data, is_leased=is_leased, capacity=capacity, exclusive=exclusive
    )
    if limits == NO_LIMITS:
        joined = _joined(record_select(selection, using=using))
    else:
        joined = _join_limited(selection, LimitedJoin(using, room, channel_name, user, limits))
    if joined is None:
        # Present already, but the layer may have lost the membership (by a restart, or its group_expiry).
        transaction.on_commit(
            lambda: concurrency.run(groups.add, room, channel_name, using),
            using=using,
            robust=connections[using].in_atomic_block,
        )
    return joined


async def ajoin(
    using: str,
    room: str,
    channel_name: str,
    user: Any,
    data: Any,
    *,
    is_leased: bool = False,
    limits: Limits = NO_LIMITS,
) -> Joined | None:
    """Does the same as `join`, as a coroutine."""
    capacity, exclusive = limits
    selection = selections.join(
        room, channel_name, user, data, is_leased=is_leased, capacity=capacity, exclusive=exclusive
    )
    if limits == NO_LIMITS:
        joined = _joined(await arecord_rows(selection, using=using))
    elif is_called_by_synchronous_code():
        return await sync_to_async(join)(using, room, channel_name, user, data, is_leased=is_leased, limits=limits)
    else:
        joined = await _ajoin_limited(selection, LimitedJoin(using, room, channel_name, user, limits))
    if joined is None:
        await groups.add(room, channel_name, using)
    return joined


def _join_limited(selection: Selection, limited: LimitedJoin, attempt: int = 1) -> Joined | None:
    joined = None
    try:
        with _savepoint(limited.using):
            joined = _joined(record_select(selection, using=limited.using))
    except IntegrityError as error:
        limited.check(error)
    if joined is None and not limited.is_present(is_last_attempt=attempt == MAX_ATTEMPTS):
        return _join_limited(selection, limited, attempt + 1)
    return joined


async def _ajoin_limited(selection: Selection, limited: LimitedJoin, attempt: int = 1) -> Joined | None:
    joined = None
    try:
        joined = _joined(await arecord_rows(selection, using=limited.using))
    except IntegrityError as error:
        limited.check(error)
    is_last_attempt = attempt == MAX_ATTEMPTS
    if joined is None and not await in_thread(partial(limited.is_present, is_last_attempt=is_last_attempt)):
        return await _ajoin_limited(selection, limited, attempt + 1)
    return joined


def _savepoint(using: str) -> AbstractContextManager[Any]:
    """Keeps the transaction of the caller usable if the statement fails, because the caller may catch the exception."""
    return transaction.atomic(using) if connections[using].in_atomic_block else nullcontext()


def _joined(events: Sequence[PresenceEvent] | Sequence[EventRow]) -> Joined | None:
    """The last of ``events`` is the join, if it was recorded. Leaves of other stays may come before it."""
    if not events or events[-1].kind != "join":
        return None
    return Joined(events[-1].session, bool(events[-1].is_leased))
