"""The selections of all operations on rooms and presences.

Each function validates its arguments, and returns the query that finds the drafts to append. Invalid arguments raise a
`presence_events.exceptions.PresenceError` that is also a ValueError.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from presence_events import sql, validation
from presence_events.privacy import rules
from presence_events.privacy.rules import Rule
from presence_events.recorder import Selection
from projections import conf

__all__ = [
    "NOT_CONNECTED",
    "SERVER_DIED",
    "Arrival",
    "Exclusive",
    "arrival",
    "join",
    "joins",
    "leave",
    "leave_all",
    "leave_key",
    "leave_rooms",
    "leave_stays",
    "leave_user",
    "prune_dead_servers",
    "prune_ghosts",
    "prune_named_rooms",
    "prune_presences",
    "prune_rooms",
    "prune_untouched",
    "set_leased",
    "touch",
    "touch_with_data",
]

SERVER_DIED = "server process died"
"""The reason that is recorded in the prunes of a dead server's connections."""

NOT_CONNECTED = "no longer connected to its server process"
"""The reason that is recorded in the prune of a connection that its server process does not have."""


Exclusive = Literal["newest", "oldest"]
"""Which of two connections of a user remains in a room."""


def join(
    room_name: str,
    channel_name: str,
    user: Any,
    data: Any,
    *,
    is_leased: bool = False,
    capacity: int | None = None,
    exclusive: Exclusive | None = None,
) -> Selection:
    """Selects the join of one connection. A leave of its present stay comes first, if that is another user's, or if one
    of the two is hidden and the other is not.

    ``is_leased`` is whether the stay depends on the lease of the process that records it. The fold leaves the
    join out if the room would then have more than ``capacity`` people, or if the join is ``exclusive`` and the user has
    another connection in the room. With "newest", leaves of those connections come first.
    """
    room_name, channel_name = validation.room_name(room_name), validation.channel_name(channel_name)
    rule = rules.of_room(room_name)
    user_id, text = rule.kept(validation.user_id(user), data)
    users = () if user is None else (user,)
    row: tuple[Any, ...] = (room_name, channel_name, user_id, text, is_leased)
    keys = ((room_name, channel_name),)
    if capacity is None and exclusive is None:
        if rule.is_plain:
            return _changes((("join", *row),), keys, users)
        return Selection(_query("join_by_rule"), users=users, keys=keys, rows=((*row, *_by_rule(rule)),))
    row = (*row, validation.capacity(capacity), validation.exclusive(exclusive))
    return Selection(
        _query("join_limited" if rule.is_plain else "join_limited_by_rule"),
        users=users,
        keys=keys,
        rows=(row if rule.is_plain else (*row, *_by_rule(rule)),),
        has_limits=True,
        ends_others=exclusive == "newest",
    )


class Arrival(NamedTuple):
    """A join whose parts have been validated. ``user_key`` is the key of a user as the database stores it, or None."""

    room: str
    channel_name: str
    user_key: Any
    data: str | None


def arrival(room_name: str, channel_name: str, user_key: Any, data: Any) -> Arrival:
    """Returns the arrival of a connection. ``user_key`` is not validated."""
    room_name = validation.room_name(room_name)
    user_key, text = rules.of_room(room_name).kept(user_key, data)
    return Arrival(room_name, validation.channel_name(channel_name), user_key, text)


def joins(arrivals: Sequence[Arrival]) -> Selection:
    """Selects the joins of many connections, like `join`."""
    keys = [(room, channel_name) for room, channel_name, _, _ in arrivals]
    if rules.are_plain():
        return _changes([("join", *arrival, False) for arrival in arrivals], keys)
    rows = [(*arrival, False, *_by_rule(rules.of_room(arrival.room))) for arrival in arrivals]
    return Selection(_query("join_by_rule"), keys=keys, rows=rows)


def touch(channel_name: str) -> Selection:
    """Selects a touch for each presence of the connection."""
    return _of_connection("touch", channel_name)


def set_leased(stays: Collection[tuple[str, str, bool]]) -> Selection:
    """Selects a touch for each of ``stays``: room, channel name, and whether it depends on the lease from now on."""
    rooms, channel_names, are_leased = map(list, zip(*stays, strict=True))
    return Selection(_query("set_leased"), {"rooms": rooms, "channel_names": channel_names, "are_leased": are_leased})


def touch_with_data(channel_name: str, data: Any) -> Selection:
    """Selects a touch with new data for each presence of the connection: without data where none is recorded."""
    text = validation.json_text(data)
    if all(rule.data for _, rule in rules.rules()):
        return _of_connection("touch", channel_name, text)
    channel_name = validation.channel_name(channel_name)
    query = _touch_with_some_data(rules.rules())
    return Selection(query, keys=((None, channel_name),), rows=((channel_name, text),))


def leave(room_name: str, channel_name: str) -> Selection:
    """Selects the leave of the connection from one room, whether it is there or not."""
    key = (validation.room_name(room_name), validation.channel_name(channel_name))
    return _changes((("leave", *key, None, None, None),), (key,))


def leave_all(channel_name: str) -> Selection:
    """Selects a leave for each presence of the connection."""
    return _of_connection("leave", channel_name)


def leave_user(user: Any, reason: str) -> Selection:
    """Selects a leave with ``reason`` for each presence of ``user``, also under the pseudonym of today."""
    return Selection(
        _query("leave_user_pseudonymous" if rules.has_pseudonyms() else "leave_user"),
        {"user_id": validation.user_id(user), "data": validation.json_text({"reason": reason})},
        [user],
    )


def leave_key(key: Any) -> Selection:
    """Selects a leave without a reason for each presence of the user with this key, who need not exist."""
    return Selection(_query("leave_user"), {"user_id": validation.user_parameter(key), "data": None})


def leave_rooms(names: Collection[str]) -> Selection:
    """Selects a leave for each presence in the rooms ``names``."""
    return Selection(_query("leave_rooms"), {"rooms": list(names)})


def leave_stays(sessions: Collection[int]) -> Selection:
    """Selects a leave for each of the stays ``sessions`` that is still open."""
    return Selection(_query("leave_stays"), {"sessions": list(sessions)})


def prune_presences(room_name: str | None, age_in_seconds: float | None) -> Selection:
    """Selects a prune for each presence that was last seen more than ``age_in_seconds`` ago.

    ``room_name`` None means all rooms. ``age_in_seconds`` None means ``CHANNELS_PRESENCE_MAX_AGE``.
    """
    age = conf.max_age() if age_in_seconds is None else age_in_seconds
    return Selection(_query("prune_presences"), {"room": room_name, "age": validation.age(age)})


def prune_untouched(versions: Collection[tuple[int, str, str | None]]) -> Selection:
    """Selects a prune for each of ``versions``: the session of a presence, the transaction that wrote it last, and the
    transaction of the last beat if it depends on a lease.

    A presence that was touched since, or kept alive by a beat, is left out.
    """
    sessions, writers, beats = map(list, zip(*versions, strict=True))
    return Selection(_query("prune_untouched"), {"sessions": sessions, "writers": writers, "beats": beats})


def prune_ghosts(sessions: Collection[int], process: str) -> Selection:
    """Selects a prune for each of the stays ``sessions`` that still depends on the lease of ``process``."""
    params = {"sessions": list(sessions), "name": process, "reason": NOT_CONNECTED}
    return Selection(_query("prune_ghosts"), params)


def prune_dead_servers(names: Collection[str], seen: Collection[int], grace: float) -> Selection:
    """Selects a prune for each presence that was claimed by one of the processes ``names``.

    ``seen`` is when each process was last seen, in microseconds since 1970; a process that has been seen since is left
    out. So is a presence that was last seen more than ``grace`` seconds after its process.
    """
    params = {"names": list(names), "seen": list(seen), "grace": grace, "reason": SERVER_DIED}
    return Selection(_query("prune_dead_servers"), params)


def prune_rooms() -> Selection:
    """Selects a prune for each empty room that no row of another table refers to."""
    return Selection(_query("prune_rooms"), {})


def prune_named_rooms(names: Collection[str]) -> Selection:
    """Selects a prune for each of the rooms ``names``. The fold keeps those that are not empty."""
    return Selection(_query("prune_named_rooms"), {"rooms": list(names)})


def _by_rule(rule: Rule) -> tuple[bool, bool]:
    """Returns the parameters of a join for what the database does by ``rule``."""
    return rule.is_pseudonymous, rule.history


def _of_connection(kind: str, channel_name: str, data: str | None = None) -> Selection:
    """Returns the selection of one connection in every room."""
    channel_name = validation.channel_name(channel_name)
    return _changes(((kind, None, channel_name, None, data, None),), ((None, channel_name),))


def _changes(
    rows: Sequence[tuple[Any, ...]], keys: Sequence[tuple[str | None, str]], users: Sequence[Any] = ()
) -> Selection:
    """Returns the selection of ``rows``: kind, room, channel name, key of the user, data, and whether it is leased."""
    return Selection(_query("changes"), users=users, keys=keys, rows=rows, call=_query("record_changes"))


def _query(name: str) -> str:
    return sql.read("projections", f"queries/selections/{name}")


@lru_cache(maxsize=8)
def _touch_with_some_data(of_rooms: tuple[tuple[str, Rule], ...]) -> str:
    """Returns the query for rooms with the rules ``of_rooms``, whose beginnings have no characters to quote."""
    cases = "".join(f" WHEN p.room ^@ '{beginning}' THEN {str(rule.data).lower()}" for beginning, rule in of_rooms)
    return _query("touch_with_some_data").format(is_kept=f"CASE{cases} ELSE true END", user_id="{user_id}")
