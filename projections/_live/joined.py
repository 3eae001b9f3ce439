"""What this process joined by hand: the stays of connections whose consumers have no mixin.

`Room.objects.add` and its coroutine twin note each join of a process with an event loop, and the leaves of the same
process remove it. `projections._live.hand_made` needs it, to touch and leave in the database of the join, and to rejoin
rooms from which a connection was pruned.

The joins of at most `MAX_CONNECTIONS` connections are kept in each database. A connection beyond that is touched and
leaves in the database that the routers choose, or in all that can have rooms, and is not rejoined.
"""

from __future__ import annotations

from typing import Any

from presence_events.privacy.hidden import is_hidden, replaced
from projections._delivery.bounded import BoundedMap
from projections._live.stopwatch import Stopwatch

__all__ = [
    "MAX_CONNECTIONS",
    "JoinedStay",
    "add",
    "databases",
    "databases_of_stay",
    "enter",
    "remove",
    "remove_all",
    "set_data",
    "stays",
]

MAX_CONNECTIONS = 20_000
"""Connections of which one process keeps the joins, in each database."""


class JoinedStay:
    """One stay that this process joined by hand.

    ``using`` is the alias of its database, and ``layer`` that of its channel layer, or None. ``last_seen`` started with
    the join or with the last touch that found all stays of the connection present. ``is_exclusive`` is whether the last
    join asked for no other connection of the user in the room.
    """

    __slots__ = ("data", "is_exclusive", "last_seen", "layer", "room", "user", "using")

    def __init__(
        self, using: str, room: str, user: Any, data: Any, layer: str | None, *, is_exclusive: bool = False
    ) -> None:
        self.using = using
        self.room = room
        self.user = user
        self.data = data
        self.layer = layer
        self.is_exclusive = is_exclusive
        self.last_seen = Stopwatch()


def enter(channel_name: str, using: str) -> None:
    """Notes that the connection is about to join a room in the database ``using``."""
    of_database = _joined.get(using)
    if of_database is None:
        of_database = _joined.setdefault(using, BoundedMap(MAX_CONNECTIONS))
    of_database.put(channel_name, of_database.get(channel_name) or {})


def add(channel_name: str, stay: JoinedStay) -> None:
    """Notes ``stay``, whose join is recorded. The data of a stay that goes on is kept, as the log does."""
    rooms = _rooms(channel_name, stay.using)
    if rooms is not None:
        before = rooms.get(stay.room)
        if before is not None and before.user == stay.user and is_hidden(before.data) == is_hidden(stay.data):
            stay.data = before.data
        rooms[stay.room] = stay


def remove(channel_name: str, using: str, room: str) -> None:
    """Removes the stay, which has ended. Does nothing if there is none."""
    (_rooms(channel_name, using) or {}).pop(room, None)


def remove_all(channel_name: str, using: str) -> None:
    """Removes all stays of the connection in the database ``using``."""
    if using in _joined:
        _joined[using].discard(channel_name)


def set_data(channel_name: str, using: str, data: Any) -> None:
    """Replaces the data of the connection in every room of the database ``using``. Hidden stays remain so."""
    for stay in stays(channel_name, using):
        stay.data = replaced(stay.data, data)


def databases(channel_name: str) -> list[str]:
    """Returns the databases in which the connection joined rooms."""
    return [using for using in list(_joined) if _rooms(channel_name, using) is not None]


def databases_of_stay(channel_name: str, room: str) -> list[str]:
    """Returns the databases in which the connection joined ``room``."""
    return [using for using in list(_joined) if room in (_rooms(channel_name, using) or ())]


def stays(channel_name: str, using: str) -> list[JoinedStay]:
    """Returns the stays of the connection in the database ``using``, whether they are still present or not."""
    return list((_rooms(channel_name, using) or {}).values())


def _rooms(channel_name: str, using: str) -> dict[str, JoinedStay] | None:
    """Returns the stays of the connection by room, or None if it has entered no room of the database ``using``."""
    of_database = _joined.get(using)
    return None if of_database is None else of_database.get(channel_name)


_joined: dict[str, BoundedMap[dict[str, JoinedStay]]] = {}
"""The stays by database, channel name and room. Few objects are kept of each connection: the garbage collector visits
them again and again."""
