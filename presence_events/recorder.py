"""The only door through which events enter the log.

A call is one statement and so one round trip. What is recorded is what changed something; the rest is left out of the
log and out of the answer, so a call whose outcome is unknown may simply be made again.

If the statement fails, nothing of the call is recorded. Outside of ``atomic`` the events are committed and
announced (`presence_events.signals`) when the call returns; inside, both share the fate of the transaction.

The coroutines record on the connection of Channels' database thread, and so cannot be part of an ``atomic`` block of
their caller. In one event loop they take turns, so that events are announced in the order of the log. Once begun they
run to their end, even if the caller is cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections, router, transaction

from presence_events import sql, validation
from presence_events.exceptions import InvalidChannelName, InvalidKind
from presence_events.models import PresenceEvent
from presence_events.signals import aevents_committed, events_committed

__all__ = ["Draft", "Selection", "arecord", "arecord_select", "record", "record_select"]


class Draft(NamedTuple):
    """An event as one asks for it. The database adds the rest: position, session, times.

    ``session`` narrows a touch, leave or prune to that stay: if another one has begun meanwhile, nothing happens.
    """

    kind: str
    room: str
    channel_name: str | None
    user: Any = None
    data: Any = None
    session: int | None = None


class Selection(NamedTuple):
    """Drafts as a query finds them.

    ``query`` is trusted SQL with ``%(name)s`` parameters. It selects kind, room, channel_name, user_id, data and
    session, in this order of columns, ordered by room and channel name, so that two writers never wait for each other
    in a circle; ``{user_id}`` in it stands for the type of user keys. ``params`` are not checked any more. ``users``
    are instances to attach to the events that carry their keys, which saves receivers a query.
    """

    query: str
    params: Mapping[str, Any]
    users: Sequence[Any] = ()


def record(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """Record ``drafts``, by room and channel name; those of one connection in one room keep their order.

    Returns the recorded events in log order. Raises a `PresenceError` that is also a ValueError for a draft that breaks
    a rule, before anything is written.
    """
    selection = _select(list(drafts))
    return record_select(selection, using=using) if selection else []


async def arecord(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """As `record`."""
    selection = _select(list(drafts))
    return await arecord_select(selection, using=using) if selection else []


def record_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """Record what ``selection`` finds. Returns the recorded events in log order."""
    alias = using or router.db_for_write(PresenceEvent)
    events = _append(selection, alias)
    if events:
        transaction.on_commit(lambda: _announce(events, alias), using=alias)
    return events


async def arecord_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """As `record_select`."""
    return await asyncio.shield(_arecord_select(selection, using or router.db_for_write(PresenceEvent)))


_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
_announcing: ContextVar[bool] = ContextVar("_announcing", default=False)


async def _arecord_select(selection: Selection, alias: str) -> list[PresenceEvent]:
    # What a receiver records belongs to the turn in which it was called.
    turn = nullcontext() if _announcing.get() else _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    async with turn:
        events, committed = await sync_to_async(_append_in_thread)(selection, alias)
        if events and committed:
            _announcing.set(True)
            await aevents_committed.asend(sender=PresenceEvent, events=events, using=alias)
    return events


def _append_in_thread(selection: Selection, alias: str) -> tuple[list[PresenceEvent], bool]:
    """The events, and whether they are committed. They are not where a test wraps the thread in a transaction.

    Outside of requests nobody else closes connections that are too old or broken; inside a transaction nobody may.
    """
    if connections[alias].in_atomic_block:
        return record_select(selection, using=alias), False
    close_old_connections()
    try:
        return _append(selection, alias), True
    finally:
        close_old_connections()


def _append(selection: Selection, alias: str) -> list[PresenceEvent]:
    statement = sql.read("presence_events", "append").format(
        select=selection.query.format(user_id=_user_id_type(alias)), columns=_COLUMNS
    )
    events = sorted(PresenceEvent.objects.using(alias).raw(statement, selection.params), key=lambda event: event.id)
    known = {user.pk: user for user in selection.users if user is not None and user.pk is not None}
    for event in events:
        if event.user_id in known:
            _USER.set_cached_value(event, known[event.user_id])
    return events


_USER = PresenceEvent._meta.get_field("user")
_COLUMNS = ", ".join(str(field.column) for field in PresenceEvent._meta.concrete_fields)


def _announce(events: list[PresenceEvent], alias: str) -> None:
    events_committed.send(sender=PresenceEvent, events=events, using=alias)


def _select(drafts: list[Draft]) -> Selection | None:
    if not drafts:
        return None
    kinds, rooms, channel_names, user_ids, data, sessions = zip(*map(_check, drafts), strict=True)
    return Selection(
        sql.read("presence_events", "drafts"),
        {
            "kinds": list(kinds),
            "rooms": list(rooms),
            "channel_names": list(channel_names),
            "user_ids": list(user_ids),
            "data": list(data),
            "sessions": list(sessions),
        },
        [draft.user for draft in drafts],
    )


def _user_id_type(alias: str) -> str:
    column_type = _USER.db_type(connections[alias])
    assert column_type is not None
    return column_type


def _check(draft: Draft) -> tuple[str, str, str | None, Any, str | None, int | None]:
    if draft.kind not in PresenceEvent.Kind.values:
        raise InvalidKind(f"Got {draft.kind!r}.")
    if draft.channel_name is None and draft.kind != PresenceEvent.Kind.PRUNE:
        raise InvalidChannelName(f"A {draft.kind} needs one.")
    return (
        str(draft.kind),
        validation.room_name(draft.room),
        None if draft.channel_name is None else validation.channel_name(draft.channel_name),
        validation.user_id(draft.user),
        validation.json_text(draft.data),
        draft.session,
    )
