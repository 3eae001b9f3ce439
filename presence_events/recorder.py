"""The only door through which events enter the log.

A call is one statement and so one round trip. What is recorded is what changed something; the rest is left out of the
log and out of the answer, so a call whose outcome is unknown may simply be made again.

If the statement fails, nothing of the call is recorded. Outside of ``atomic`` the events are committed and
announced (`presence_events.signals`) when the call returns; inside, both share the fate of the transaction.

The coroutines record on the connection of Channels' database thread, and so cannot be part of an ``atomic`` block of
their caller. In one event loop the events of a room are announced in the order of the log. Once begun they run to their
end, even if the caller is cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.db import close_old_connections, connections, router, transaction

from presence_events import sql, turns, validation
from presence_events.exceptions import InvalidChannelName, InvalidKind
from presence_events.models import PresenceEvent
from presence_events.signals import aevents_committed, events_committed
from presence_events.turns import Turn, Turns

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
    inside = connections[alias].in_atomic_block
    events = _append(selection, alias)
    if events:
        # Inside a transaction an error would keep the other hooks of the commit from being called: it is logged.
        transaction.on_commit(lambda: _announce(events, alias), using=alias, robust=inside)
    return events


async def arecord_select(selection: Selection, *, using: str | None = None) -> list[PresenceEvent]:
    """As `record_select`."""
    return await asyncio.shield(_arecord_select(selection, using or router.db_for_write(PresenceEvent)))


async def _arecord_select(selection: Selection, alias: str) -> list[PresenceEvent]:
    events, turn = await sync_to_async(_append_in_thread)(selection, alias, turns.of_running_loop())
    if turn is not None:
        async with turn:
            await aevents_committed.asend(sender=PresenceEvent, events=events, using=alias)
    return events


def _append_in_thread(selection: Selection, alias: str, queue: Turns) -> tuple[list[PresenceEvent], Turn | None]:
    """The events, and their turn to be announced: none where a test wraps the thread in a transaction.

    Outside of requests nobody else closes connections that are too old or broken; inside a transaction nobody may.
    """
    if connections[alias].in_atomic_block:
        return record_select(selection, using=alias), None
    close_old_connections()
    try:
        events = _append(selection, alias)
    finally:
        close_old_connections()
    return events, queue.take({event.room for event in events if event.kind != "touch"}) if events else None


def _append(selection: Selection, alias: str) -> list[PresenceEvent]:
    statement = sql.read("presence_events", "append").format(
        select=selection.query.format(user_id=_user_id_type(alias)), columns=_COLUMNS
    )
    events = sorted(PresenceEvent.objects.using(alias).raw(statement, selection.params), key=lambda event: event.id)
    known = {_KEY.value_from_object(user): user for user in selection.users if isinstance(user, get_user_model())}
    for event in events:
        if event.user_id in known:
            _USER.set_cached_value(event, known[event.user_id])
    return events


_USER = PresenceEvent._meta.get_field("user")
_KEY: Any = get_user_model()._meta.pk
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
        validation.session(draft.session),
    )
