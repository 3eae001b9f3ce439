"""Records events. This is the only way into the log.

A call is one statement, and so one round trip. The log takes the events that change something. The others are neither
recorded nor returned, so a call whose outcome is unknown can safely be repeated.

If the statement fails, nothing of the call is recorded. Outside of ``atomic`` the events are committed and
announced (`presence_events.signals`) when the call returns. Inside, they are committed or rolled back with the
transaction, and announced after its commit.

The coroutines of an event loop share statements (`presence_events._recording.group_commit`). Each returns when its own
events are committed and announced, and raises its own error. They cannot take part in an ``atomic`` block of their
caller. A write that has begun is completed even if the caller is cancelled. In synchronous code, call the synchronous
functions: a coroutine that runs in ``async_to_sync`` records on the thread of its caller and in its transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from contextvars import Context
from functools import partial
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import connections, transaction

from presence_events import receivers
from presence_events._recording import statement
from presence_events._recording.committed import Committed
from presence_events._recording.drafts import Draft, Selection, select
from presence_events._recording.group_commit import GroupCommit
from presence_events._recording.statement import EventRow, Recorded
from presence_events.concurrency import is_called_by_synchronous_code, sending_loop
from presence_events.databases import write_alias
from presence_events.exceptions import DeliveryFailed
from presence_events.models import PresenceEvent
from presence_events.processes import registry
from presence_events.signals import aevents_committed, arows_committed, events_committed

__all__ = [
    "Draft",
    "EventRow",
    "Recorded",
    "Selection",
    "arecord",
    "arecord_quietly",
    "arecord_rows",
    "arecord_select",
    "record",
    "record_quietly",
    "record_select",
    "start_beats",
]


def record(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """Records ``drafts`` in the order of room and channel name. Drafts of one connection in one room keep their order.

    Returns the recorded events in log order. Raises a `PresenceError` that is also a ValueError for a draft that breaks
    a rule, before anything is written.
    """
    selection = select(list(drafts))
    return record_select(selection, using=using) if selection else []


async def arecord(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """Like `record`. Raises `NotRecordedInTime` as well."""
    selection = select(list(drafts))
    return await arecord_select(selection, using=using) if selection else []


def record_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """Records what ``selection`` finds. Returns the recorded events in log order."""
    alias = write_alias(using)
    is_nested = connections[alias].in_atomic_block
    events = statement.to_events(_append(selection, alias), alias, selection.users)
    if events:
        # In a transaction, an error would prevent the other hooks of the commit, so Django logs it instead.
        transaction.on_commit(lambda: _announce(events, alias), using=alias, robust=is_nested)
    return events


def _append(selection: Selection, alias: str) -> list[EventRow]:
    """Appends ``selection``. Joins are claimed for the event loop that this thread works for, if there is one."""
    loop = sending_loop()
    if loop is None:
        return statement.append([selection], alias)
    registration = registry.registration(loop, alias)
    rows = statement.append([selection], alias, process=registration.claim_name)
    if not registration.has_beats and statement.has_claimed_join(rows):
        with suppress(RuntimeError):  # the loop has been closed in the meantime
            loop.call_soon_threadsafe(start_beats, alias, context=Context())
    return rows


async def arecord_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """Like `record_select`. Raises `NotRecordedInTime` as well."""
    if is_called_by_synchronous_code():
        return await sync_to_async(record_select)(selection, using=using)
    alias = write_alias(using)
    rows = await _group_commit(alias).record(selection, quiet=False)
    return statement.to_events(rows, alias, selection.users)


async def arecord_rows(
    selection: Selection, *, using: str | None = None
) -> Sequence[EventRow] | Sequence[PresenceEvent]:
    """Like `arecord_select`, but returns rows, which cost less than events. Code that a thread waits for gets events.

    Use it if you need no times, users or data.
    """
    if is_called_by_synchronous_code():
        return await sync_to_async(record_select)(selection, using=using)
    return await _group_commit(write_alias(using)).record(selection, quiet=False)


def record_quietly(selection: Selection, *, using: str | None = None) -> list[Recorded]:
    """Like `record_select`, but sends no signals and returns only room and channel name of each event.

    Use it for touches that change nothing but the time. Most events are such touches.
    """
    return statement.to_recorded(statement.append_quietly([selection], write_alias(using)))


async def arecord_quietly(selection: Selection, *, using: str | None = None) -> list[Recorded]:
    """Like `record_quietly`. Raises `NotRecordedInTime` as well."""
    if is_called_by_synchronous_code():
        return await sync_to_async(record_quietly)(selection, using=using)
    return await _group_commit(write_alias(using)).record(selection, quiet=True)


def _announce(events: list[PresenceEvent], alias: str) -> None:
    try:
        receivers.send(events_committed, PresenceEvent, events=events, using=alias)
    except DeliveryFailed as error:
        raise next(iter(error.failures.values())) from None


async def _aannounce(committed: Committed) -> None:
    using = committed.using
    of_rows = partial(
        receivers.asend, arows_committed, PresenceEvent, rows=committed.rows, read=committed.events, using=using
    )
    if aevents_committed.has_listeners(PresenceEvent) and (events := committed.events()):
        of_events = partial(receivers.asend, aevents_committed, PresenceEvent, events=events, using=using)
        receivers.raise_first(await receivers.gather([of_rows, of_events]))
    else:
        await of_rows()


_group_commits: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, GroupCommit]] = WeakKeyDictionary()


def _group_commit(alias: str) -> GroupCommit:
    """Returns the group commit of the running event loop for the database ``alias``."""
    of_loop = _group_commits.setdefault(asyncio.get_running_loop(), {})
    if alias not in of_loop:
        loop = asyncio.get_running_loop()
        of_loop[alias] = GroupCommit(
            alias, _aannounce, on_close=partial(_forget, loop), registration=registry.registration(loop, alias)
        )
    return of_loop[alias]


def start_beats(using: str) -> None:
    """Starts the beats of the running event loop in the database ``using``. Does nothing if they have started.

    The first claimed join starts them as well. Call it when a connection may depend on the beats without one.
    """
    _group_commit(using).start_beats()


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    """Drops the group commits of ``loop``. They refer to it and would keep it in memory."""
    _group_commits.pop(loop, None)
