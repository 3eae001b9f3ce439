"""The only door through which events enter the log.

A call is one statement and so one round trip. What is recorded is what changed something; the rest is left out of the
log and out of the answer, so a call whose outcome is unknown may simply be made again.

If the statement fails, nothing of the call is recorded. Outside of ``atomic`` the events are committed when the call
returns; inside, they share the fate of the transaction. `events_committed` is sent after the commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connections, router, transaction

from presence_events import sql, validation
from presence_events.exceptions import InvalidChannelName, InvalidKind
from presence_events.models import PresenceEvent
from presence_events.signals import events_committed

__all__ = ["Draft", "record", "record_select"]


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


def record(drafts: Iterable[Draft], *, using: str | None = None) -> list[PresenceEvent]:
    """Record ``drafts``, ordered by room and channel name so that two writers never wait for each other in a circle;
    drafts of one connection in one room keep their order.

    Returns the events that were recorded, in log order. Raises a `PresenceError` that is also a ValueError for
    a draft that breaks a rule, before anything is written.
    """
    drafts = list(drafts)
    if not drafts:
        return []
    kinds, rooms, channel_names, user_ids, data, sessions = zip(*map(_check, drafts), strict=True)
    return record_select(
        sql.read("presence_events", "drafts"),
        {
            "kinds": list(kinds),
            "rooms": list(rooms),
            "channel_names": list(channel_names),
            "user_ids": list(user_ids),
            "data": list(data),
            "sessions": list(sessions),
        },
        users=[draft.user for draft in drafts],
        using=using,
    )


def record_select(
    query: str, params: Mapping[str, Any], *, users: Sequence[Any] = (), using: str | None = None
) -> list[PresenceEvent]:
    """Record what ``query`` selects: kind, room, channel_name, user_id, data, session, in this order of columns, and
    ordered by room and channel name.

    ``query`` is trusted SQL with ``%(name)s`` parameters; ``{user_id}`` in it stands for the type of user keys.
    ``users`` are instances to attach to the events that carry their keys, which saves receivers a query. Values in
    ``params`` are not checked here. Returns the recorded events in log order.
    """
    alias = using or router.db_for_write(PresenceEvent)
    statement = sql.read("presence_events", "append").format(
        select=query.format(user_id=_user_id_type(alias)), columns=_COLUMNS
    )
    events = list(PresenceEvent.objects.using(alias).raw(statement, params))
    if not events:
        return events
    known = {user.pk: user for user in users if user is not None and user.pk is not None}
    for event in events:
        if event.user_id in known:
            _USER.set_cached_value(event, known[event.user_id])
    events.sort(key=lambda event: event.id)
    transaction.on_commit(lambda: _announce(events, alias), using=alias)
    return events


_USER = PresenceEvent._meta.get_field("user")
_COLUMNS = ", ".join(str(field.column) for field in PresenceEvent._meta.concrete_fields)


def _announce(events: list[PresenceEvent], alias: str) -> None:
    events_committed.send(sender=PresenceEvent, events=events, using=alias)


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
