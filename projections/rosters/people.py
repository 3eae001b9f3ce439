"""The connections of one room by person, with those that have ended within the grace.

A connection that ended counts until the grace is over, or until the same person joins again: the new connection takes
the place of the one that ended last. So a reload changes nothing. Which ends are still open follows from the events
after them alone, in the order of positions: joins and ends match like closing and opening brackets. Ends that are older
than the grace can therefore be forgotten without a change of the others.

The join of a reload can be recorded before the end. So an end does not count on if the same person has joined within
the grace before it, and is still there.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from presence_events.models import PresenceEvent
from projections.rosters.members import Connection

__all__ = ["ANONYMOUS", "People", "Stay"]

ANONYMOUS = ""
"""The key under which the connections without a person are kept."""


class Stay(NamedTuple):
    """An open stay of the room, as it is read from the database."""

    session: int
    channel_name: str
    user_id: Any
    since: Any
    data: Any


class _Recent(NamedTuple):
    """A join, or an end with the connection that ended. ``seen`` is the time at which this process read it."""

    id: int
    seen: float
    ended: Connection | None


class _End(NamedTuple):
    id: int
    seen: float
    person: str


class _Person:
    __slots__ = ("open", "recent", "user_id")

    def __init__(self) -> None:
        self.user_id: Any = None
        self.open: dict[int, Connection] = {}
        self.recent: list[_Recent] = []

    def forget(self, until: float, grace: float) -> None:
        """Forgets ends that were seen no later than ``until``, and joins that can match none of the others."""
        ends = [one for one in self.recent if one.ended is not None and one.seen > until]
        position = min((end.id for end in ends), default=None)
        earliest = min((end.seen for end in ends), default=until + grace) - grace
        self.recent = [
            one
            for one in self.recent
            if one.seen > until
            or (one.ended is None and position is not None and (one.id > position or one.seen >= earliest))
        ]

    def connections(self, grace: float) -> list[Connection]:
        """Returns the open connections, and those that still count."""
        ended: list[tuple[Connection, bool]] = []
        joins: list[float] = []
        for one in self.recent:
            if one.ended is not None:
                is_replaced = bool(joins) and one.seen - joins.pop() <= grace
                ended.append((one.ended, is_replaced))
            elif ended:
                ended.pop()
            else:
                joins.append(one.seen)
        counted = [connection for connection, is_replaced in ended if not is_replaced]
        if ended and not counted and not self.open:
            counted = [ended[-1][0]]
        return sorted([*self.open.values(), *counted], key=lambda connection: abs(connection.session))


class People:
    """The connections of a room by person.

    ``grace`` is in seconds. ``name`` returns the person of a connection from the key of its user and its data, as
    `Roster.person` does. The times of the methods are seconds of one monotonic clock.
    """

    def __init__(self, grace: float, name: Callable[[Any, Any], str | None]) -> None:
        self._grace = grace
        self._name = name
        self._people: dict[str, _Person] = {}
        self._of_session: dict[int, tuple[str, Any]] = {}
        self._ends: deque[_End] = deque()
        self._changed: set[str] = set()

    def replace(self, stays: Iterable[Stay]) -> None:
        """Replaces the open stays by ``stays``. Those that are missing have ended without a grace."""
        for session, (key, _) in self._of_session.items():
            del self._people[key].open[session]
            self._changed.add(key)
        self._of_session = {}
        for stay in stays:
            self._open(self._key(stay.user_id, stay.data), stay.session, stay.user_id, stay.since, stay.data)

    def apply(self, event: PresenceEvent, now: float) -> set[str]:
        """Applies the next event of the room. Returns the keys of the people that it concerns.

        These are two if new data makes the connection that of another person.
        """
        session = event.session
        if session is None:
            return set()
        if event.kind == "join":
            key = self._open(self._key(event.user_id, event.data), session, event.user_id, event.since, event.data)
            self._note(key, _Recent(event.id, now, None))
            return {key}
        if session not in self._of_session:
            return set()
        known, user_id = self._of_session.pop(session)
        self._changed.add(known)
        connection = self._people[known].open.pop(session)
        if event.kind == "touch":
            return {known, self._open(self._key(user_id, event.data), session, user_id, connection.since, event.data)}
        self._note(known, _Recent(event.id, now, connection))
        if self._grace:
            self._ends.append(_End(event.id, now, known))
        return {known}

    def changes(self, now: float) -> dict[str, tuple[Any, list[Connection]]]:
        """Returns the people who may have changed since the last call: the key of a user, and the connections.

        The list is empty for a person who is no longer in the room. The key `ANONYMOUS` has the connections without a
        person.
        """
        until = now - self._grace
        while self._ends and self._ends[0].seen <= until:
            self._changed.add(self._ends.popleft().person)
        changed, self._changed = self._changed, set()
        found = {}
        for key in changed & self._people.keys():
            person = self._people[key]
            person.forget(until, self._grace)
            found[key] = person.user_id, person.connections(self._grace)
            if not found[key][1]:
                del self._people[key]
        return found

    def has_changes(self, now: float) -> bool:
        """Returns whether there may be changes."""
        expiry = self.next_expiry()
        return bool(self._changed) or (expiry is not None and expiry <= now)

    def next_expiry(self) -> float | None:
        """Returns when the grace of the next connection is over, or None if no connection has ended within it."""
        return self._ends[0].seen + self._grace if self._ends else None

    def in_grace(self) -> set[str]:
        """Returns the people of whom a connection has ended within the grace."""
        return {end.person for end in self._ends}

    def oldest_end(self) -> int | None:
        """Returns the position of the first end within the grace, or None if there is none."""
        return min((end.id for end in self._ends), default=None)

    def _key(self, user_id: Any, data: Any) -> str:
        return self._name(user_id, data) or ANONYMOUS

    def _open(self, key: str, session: int, user_id: Any, since: Any, data: Any) -> str:
        person = self._people.setdefault(key, _Person())
        person.user_id = user_id
        person.open[session] = Connection(session, since, data)
        self._of_session[session] = key, user_id
        self._changed.add(key)
        return key

    def _note(self, key: str, recent: _Recent) -> None:
        if self._grace:
            insort(self._people[key].recent, recent, key=lambda one: one.id)
