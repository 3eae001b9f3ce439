"""The only door through which events enter the log.

A call is one statement and so one round trip. What is recorded is what changed something; the rest is left out of the
log and out of the answer, so a call whose outcome is unknown may simply be made again.

If the statement fails, nothing of the call is recorded. Outside of ``atomic`` the events are committed and
announced (`presence_events.signals`) when the call returns; inside, both share the fate of the transaction.

The coroutines of an event loop share statements (`presence_events._recording.group_commit`): each is answered when its own events
are committed and announced, and has its own error. They cannot be part of an ``atomic`` block of their caller. Once
begun they run to their end, even if the caller is cancelled. Synchronous code that calls them through
``async_to_sync`` is better served by the synchronous ones: they then record on its thread, in its transaction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from functools import partial
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync, sync_to_async
from django.db import connections, transaction

from presence_events import process_registry
from presence_events._recording import statement
from presence_events._recording.drafts import Draft, Selection, select
from presence_events._recording.group_commit import GroupCommit
from presence_events._recording.statement import Recorded
from presence_events.concurrency import sending_loop
from presence_events.databases import write_alias
from presence_events.exceptions import DeliveryFailed
from presence_events.models import PresenceEvent
from presence_events.signals import aevents_committed, events_committed

__all__ = [
    "Draft",
    "Recorded",
    "Selection",
    "arecord",
    "arecord_quietly",
    "arecord_select",
    "record",
    "record_quietly",
    "record_select",
]


def record(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """Record ``drafts``, by room and channel name; those of one connection in one room keep their order.

    Returns the recorded events in log order. Raises a `PresenceError` that is also a ValueError for a draft that breaks
    a rule, before anything is written.
    """
    selection = select(list(drafts))
    return record_select(selection, using=using) if selection else []


async def arecord(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """As `record`."""
    selection = select(list(drafts))
    return await arecord_select(selection, using=using) if selection else []


def record_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """Record what ``selection`` finds. Returns the recorded events in log order."""
    alias = write_alias(using)
    inside = connections[alias].in_atomic_block
    events = statement.events(_append(selection, alias), alias, selection.users)
    if events:
        # Inside a transaction an error would keep the other hooks of the commit from being called: it is logged.
        transaction.on_commit(lambda: _announce(events, alias), using=alias, robust=inside)
    return events


def _append(selection: Selection, alias: str) -> list[statement.Row]:
    """On behalf of the event loop that has sent this thread, if one has: it has the connections that join."""
    loop = sending_loop()
    if loop is None:
        return statement.append([selection], alias)
    registration = process_registry.registration(loop, alias)
    rows = statement.append([selection], alias, process=registration.claim)
    if not registration.is_kept and statement.has_claimed(rows):
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(_keep_alive, alias, context=Context())
    return rows


async def arecord_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """As `record_select`."""
    if _for_synchronous_code():
        return await sync_to_async(record_select)(selection, using=using)
    return await _group_commit(write_alias(using)).record(selection, quiet=False)


def record_quietly(selection: Selection, *, using: str | None = None) -> list[Recorded]:
    """As `record_select`, for what nobody has to hear of: it is not announced, and little is told of it.

    That is for touches by which nothing changed but the time: most of all events.
    """
    return statement.recorded(statement.append_quietly([selection], write_alias(using)))


async def arecord_quietly(selection: Selection, *, using: str | None = None) -> list[Recorded]:
    """As `record_quietly`."""
    if _for_synchronous_code():
        return await sync_to_async(record_quietly)(selection, using=using)
    return await _group_commit(write_alias(using)).record(selection, quiet=True)


def _announce(events: list[PresenceEvent], alias: str) -> None:
    try:
        events_committed.send(sender=PresenceEvent, events=events, using=alias)
    except DeliveryFailed as error:
        raise next(iter(error.failures.values())) from None


async def _aannounce(events: list[PresenceEvent], alias: str) -> None:
    await aevents_committed.asend(sender=PresenceEvent, events=events, using=alias)


_group_commits: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, GroupCommit]] = WeakKeyDictionary()


def _group_commit(alias: str) -> GroupCommit:
    of_loop = _group_commits.setdefault(asyncio.get_running_loop(), {})
    if alias not in of_loop:
        loop = asyncio.get_running_loop()
        of_loop[alias] = GroupCommit(
            alias, _aannounce, closed=partial(_forget, loop), registration=process_registry.registration(loop, alias)
        )
    return of_loop[alias]


def _keep_alive(alias: str) -> None:
    """In an event loop for which a thread has claimed a join."""
    _group_commit(alias).keep_alive()


def _forget(loop: asyncio.AbstractEventLoop) -> None:
    """What is kept of a loop refers to it: it would keep it for ever."""
    _group_commits.pop(loop, None)


def _for_synchronous_code() -> bool:
    """Whether a thread waits for this coroutine in ``async_to_sync``: then ``sync_to_async`` comes back to it."""
    return getattr(AsyncToSync.executors, "current", None) is not None
