"""Events as callers ask for them. The database adds position, session and times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from presence_events import sql, validation
from presence_events.exceptions import InvalidChannelName, InvalidKind
from presence_events.models import PresenceEvent
from presence_events.privacy import rules
from presence_events.privacy.rules import EVERYTHING

__all__ = ["Draft", "Selection", "select"]


class Draft(NamedTuple):
    """An event as the caller asks for it, before the database completes it.

    ``session`` limits a touch, leave or prune to that stay. If another stay has begun in the meantime, nothing happens.
    """

    kind: str
    room: str
    channel_name: str | None
    user: Any = None
    data: Any = None
    session: int | None = None


class Selection(NamedTuple):
    """A query that finds the drafts to append.

    ``query`` is trusted SQL with ``%(name)s`` parameters. It selects kind, room, channel_name, user_id, data, session,
    step and is_leased, in this order. ``{user_id}`` in it stands for the SQL type of user keys. The rows are appended
    in the order of room, channel name and step, so two writers never wait for each other in a cycle.

    ``params`` are the parameters. They are not validated again.

    ``users`` are user instances. They are attached to the events that carry their keys, which saves receivers a query.

    ``keys`` are the connections that the query may find: (room, channel name), or (None, channel name) for every room.
    A selection with keys may be merged with others of the same query. Instead of ``params`` it has ``rows``: the
    parameters of each draft, in the order in which the query names them. The query gets a list of each parameter.

    ``has_limits`` is whether the query also selects capacity and is_exclusive, after the others. A negative step puts a
    join with limits after all other rows of its room: -1 if it has a capacity, and so locks the room, and -2 if it is
    only exclusive. Those of one step are in the order of users, for whom exclusive joins wait.

    ``ends_others`` is whether it may also end stays of other connections in the rooms of its keys, for an exclusive
    join.

    ``call`` is a statement that appends what ``query`` finds, with a function of the database that keeps its plan. It
    has the same parameters, and also ``process`` and ``lock_timeout``. ``{returning}`` stands for columns of an event,
    and ``{user_id}`` for the widest type that user keys can have by a change of their type.
    """

    query: str
    params: Mapping[str, Any] = MappingProxyType({})
    users: Sequence[Any] = ()
    keys: Sequence[tuple[str | None, str]] = ()
    rows: Sequence[tuple[Any, ...]] = ()
    has_limits: bool = False
    ends_others: bool = False
    call: str = ""


def select(drafts: Sequence[Draft]) -> Selection | None:
    """Returns the selection that finds ``drafts``, or None if there are none.

    Raises a `PresenceError` for a draft that breaks a rule.
    """
    if not drafts:
        return None
    rows: list[tuple[Any, ...]] = [(*_check(draft), step) for step, draft in enumerate(drafts)]
    query = "drafts"
    if rules.has_pseudonyms():
        query = "drafts_pseudonymous"
        rows = [(*row, row[0] == "join" and rules.of_room(row[1]).is_pseudonymous) for row in rows]
    keys = [(room, channel_name) for _, room, channel_name, *_ in rows if channel_name is not None]
    return Selection(
        sql.read("presence_events", f"queries/recording/{query}"),
        users=[draft.user for draft in drafts if draft.user is not None],
        # The prune of a room concerns no connection, so it cannot share a batch.
        keys=keys if len(keys) == len(rows) else [],
        rows=rows,
    )


def _check(draft: Draft) -> tuple[str, str, str | None, Any, str | None, int | None]:
    if draft.kind not in PresenceEvent.Kind.values:
        raise InvalidKind(f"Got {draft.kind!r}.")
    if draft.channel_name is None and draft.kind != PresenceEvent.Kind.PRUNE:
        raise InvalidChannelName(f"Pass one to record a {draft.kind}.")
    room = validation.room_name(draft.room)
    rule = rules.of_room(room) if draft.kind in ("join", "touch") else EVERYTHING
    user_id, text = rule.kept(validation.user_id(draft.user), draft.data)
    session = validation.session(draft.session)
    return (
        str(draft.kind),
        room,
        None if draft.channel_name is None else validation.channel_name(draft.channel_name),
        user_id,
        text,
        rule.session_of_join(session) if draft.kind == "join" else session,
    )
