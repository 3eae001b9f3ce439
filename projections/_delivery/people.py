"""Finds the events with which a person arrived in a room or left it: the first join and the last end of a user there.

A user may have several connections in a room, and different transactions may record them at the same moment. What comes
first depends on the order in which a reader looks at them.

- **From the log** (`in_log`), the order is that of `presence_events.tail`. So the answer is exact, and the same each
  time.
- **After a commit** (`now`), other transactions that have committed count, whatever their order. Of several connections
  that begin or end at the same moment in different transactions, each may be called the first or the last. At least
  one is.

Hidden connections do not count: a user who has no others is not there.

A user whose last connection ends in the same transaction in which another one begins was never absent. If both events
are looked at together, neither is a change.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import Error

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from presence_events.privacy.hidden import is_hidden
from presence_events.segments import catalogue
from presence_events.tail import Mark
from presence_events.users import from_database, user_key_type

__all__ = ["People", "in_log", "now"]

logger = logging.getLogger("projections.signals")

_Pair = tuple[str, Any]
"""The name of a room, and the key of a user as Python has it."""

_Stays = dict[int, datetime | None]
"""Sessions of open stays. A time says that only events from then on count the stay."""


class People:
    """The open stays of users in rooms, while a reader goes through events.

    ``open_stays`` returns those of pairs, as they are before the events of the `changes` that asks for them.
    """

    def __init__(self, open_stays: Callable[[Collection[_Pair]], dict[_Pair, _Stays]]) -> None:
        self._open_stays = open_stays
        self._known: dict[_Pair, _Stays] = {}

    def changes(self, events: Iterable[PresenceEvent]) -> set[int]:
        """Returns the positions of those of ``events``, the next ones of the log, that are first joins or last ends."""
        by_pair = defaultdict[_Pair, list[PresenceEvent]](list)
        for event in events:
            if _counts(event):
                by_pair[event.room, event.user_id].append(event)
        unknown = by_pair.keys() - self._known.keys()
        if unknown:
            found = self._open_stays(unknown)
            self._known |= {pair: found.get(pair, {}) for pair in unknown}
        return {position for pair, own in by_pair.items() for position in _changes(own, self._known[pair])}


def in_log(mark: Mark, using: str) -> People:
    """Returns the people as they were at ``mark``, for the events after it in the order of `presence_events.tail`."""

    def open_stays(pairs: Collection[_Pair]) -> dict[_Pair, _Stays]:
        params = {
            "seen": mark.seen.snapshot,
            "high": mark.seen.high,
            "window": mark.window and mark.window.snapshot,
            "position": -1 if mark.window is None else mark.position,
            "decided": mark.decided,
        }
        days = catalogue.days(using=using, after=mark.decided, table="e")
        return _by_pair(
            (room, key, session, None) for room, key, session in _rows("present_at", pairs, params, using, days=days)
        )

    return People(open_stays)


def now(events: Collection[PresenceEvent], using: str) -> set[int]:
    """Returns the positions of first joins and last ends among ``events``, which have just been committed.

    If the database fails twice, this is logged, and nothing is returned.
    """

    def open_stays(pairs: Collection[_Pair]) -> dict[_Pair, _Stays]:
        counted = list(filter(_counts, events))
        began = {event.session for event in counted if event.kind == "join"}
        rows = [row for row in _rows("present", pairs, {}, using) if row[2] not in began]
        ends = (event for event in counted if event.kind != "join" and event.session not in began)
        rows.extend((event.room, event.user_id, event.session, None) for event in ends)
        return _by_pair(rows)

    error: Error | None = None
    for _ in range(2):
        try:
            return People(open_stays).changes(events)
        except Error as failure:  # the connection of the thread may have broken while it was idle
            error = failure
    logger.error(
        "Whether people arrived or left with %s events is unknown, and is not signalled: %s", len(events), error
    )
    return set()


def _counts(event: PresenceEvent) -> bool:
    """Returns whether ``event`` is a join or an end of a connection that is not hidden, of a user."""
    is_of_user = event.user_id is not None and event.channel_name is not None and event.kind != "touch"
    return is_of_user and not is_hidden(event.data)


def _changes(events: Iterable[PresenceEvent], stays: _Stays) -> list[int]:
    """Returns the positions at which a user arrived or left. ``events`` are of one pair, which ``stays`` follows."""
    found: list[PresenceEvent] = []
    for event in events:
        session = int(event.session or 0)
        stays.pop(session, None)
        if not any(since is None or since <= event.at for since in stays.values()):
            if event.kind == "join" and found and found[-1].kind != "join" and found[-1].tx == event.tx:
                found.pop()
            else:
                found.append(event)
        if event.kind == "join":
            stays[session] = None
    return [event.id for event in found]


def _rows(
    name: str, pairs: Collection[_Pair], params: dict[str, Any], using: str, **fragments: str
) -> list[tuple[Any, ...]]:
    rooms, keys = zip(*pairs, strict=True)
    params |= {"rooms": list(rooms), "user_ids": list(map(validation.user_parameter, keys))}
    rows = sql.rows(
        "projections", f"queries/delivery/{name}", params, using=using, user_id=user_key_type(using), **fragments
    )
    return [(room, from_database(key, using), *rest) for room, key, *rest in rows]


def _by_pair(rows: Iterable[tuple[str, Any, int, datetime | None]]) -> dict[_Pair, _Stays]:
    found = defaultdict[_Pair, _Stays](dict)
    for room, key, session, since in rows:
        found[room, key][session] = since
    return found
