"""The people of a room, as rosters show them, and their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from presence_events.users import display_name

__all__ = ["Connection", "Counts", "Member", "members_of"]


class Counts(NamedTuple):
    """How many connections, people and anonymous connections are in a room. Three tabs of a user are one person."""

    connections: int
    people: int
    anonymous: int


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection of a member: when it joined, and its data. ``session`` is the number of its stay."""

    session: int
    since: datetime
    data: Any = None


@dataclass(slots=True)
class Member:
    """A person in a room, with at least one connection. The connections are in the order in which they joined.

    ``id`` names the person in the room. ``user_id`` is the key of the user, or None for a person that the roster names
    without a user. ``user`` is the user. It is fetched for `Roster.serialize` and for `Room.members` only. It is None
    for a person without a user, and if the user has been deleted: use `name`. ``info`` is what `Roster.serialize`
    returned.
    """

    id: str
    user_id: Any
    connections: Sequence[Connection]
    user: Any = None
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """When the first of the connections joined."""
        return self.connections[0].since

    @property
    def name(self) -> str:
        """The name of the user, or that there is none, or that the user has been deleted. ``user`` has been fetched."""
        return display_name(self)

    @property
    def activity(self) -> str:
        """The activity of the most active connection, from the ``activity`` in its data.

        It is ``"active"``, ``"idle"`` or ``"hidden"``. A connection that has reported nothing is active.
        """
        found = {
            connection.data.get("activity") if isinstance(connection.data, dict) else None
            for connection in self.connections
        }
        reported = [activity for activity in ("idle", "hidden") if activity in found]
        return reported[0] if found <= set(reported) else "active"

    @property
    def data(self) -> dict[str, Any]:
        """The data of all connections in one object. What a later connection says replaces what an earlier one says.

        Data that is no object is left out.
        """
        merged: dict[str, Any] = {}
        for connection in self.connections:
            if isinstance(connection.data, dict):
                merged |= connection.data
        return merged

    def as_json(self, *, data: bool = False) -> dict[str, Any]:
        """Returns the member as the protocol shows it: a dict for JSON. ``data`` is whether the data is shown."""
        found: dict[str, Any] = {"id": self.id}
        if self.info:
            found["info"] = self.info
        found["connections"] = [_connection_as_json(connection, data) for connection in self.connections]
        return found


def members_of(presences: Iterable[Any]) -> list[Member]:
    """Returns the users of ``presences``, each once, in the order in which their first connections joined.

    ``presences`` are those of users, in the order of their joins, and their users have been fetched.
    """
    by_user: dict[Any, list[Any]] = {}
    for presence in presences:
        by_user.setdefault(presence.user_id, []).append(presence)
    return [
        Member(
            str(user_id),
            user_id,
            [Connection(presence.pk, presence.joined_at, presence.data) for presence in own],
            own[0].user,
        )
        for user_id, own in by_user.items()
    ]


def _connection_as_json(connection: Connection, data: bool) -> dict[str, Any]:
    since = connection.since.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    shown: dict[str, Any] = {"since": since}
    if data and connection.data is not None:
        shown["data"] = connection.data
    return shown
