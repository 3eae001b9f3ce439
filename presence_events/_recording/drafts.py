"""Events as one asks for them. The database adds the rest: position, session, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from presence_events import sql, validation
from presence_events.exceptions import InvalidChannelName, InvalidKind
from presence_events.models import PresenceEvent

__all__ = ["Draft", "Selection", "select"]


class Draft(NamedTuple):
    """An event as one asks for it.

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

    ``query`` is trusted SQL with ``%(name)s`` parameters. It selects kind, room, channel_name, user_id, data, session
    and step, in this order of columns; ``{user_id}`` in it stands for the type of user keys. What it finds is appended
    by room, channel name and step, so that two writers never wait for each other in a circle. ``params`` are not
    checked any more. ``users`` are instances to attach to the events that carry their keys, which saves receivers a
    query.

    ``keys`` are the connections it may touch: (room, channel name), or (None, channel name) for every room. Selections
    that have keys take lists of one length as ``params``, and those of the same query may be run as one.
    """

    query: str
    params: Mapping[str, Any]
    users: Sequence[Any] = ()
    keys: Sequence[tuple[str | None, str]] = ()


def select(drafts: Iterable[Draft]) -> Selection | None:
    """What finds ``drafts``, or None if there are none. Raises a `PresenceError` for one that breaks a rule."""
    checked = [(*_check(draft), step) for step, draft in enumerate(drafts)]
    if not checked:
        return None
    names = ("kinds", "rooms", "channel_names", "user_ids", "data", "sessions", "steps")
    params = dict(zip(names, map(list, zip(*checked, strict=True)), strict=True))
    return Selection(
        sql.read("presence_events", "queries/recording/drafts"),
        params,
        [draft.user for draft in drafts],
        # The prune of a room is of no connection, so it goes alone.
        [] if None in params["channel_names"] else list(zip(params["rooms"], params["channel_names"], strict=True)),
    )


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
