"""Which events each operation asks for: checked input and the query that finds the rest."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from presence_events import sql, validation
from presence_events.recorder import Selection
from projections import conf

__all__ = [
    "SERVER_DIED",
    "heartbeat",
    "join",
    "leave_all",
    "leave_user",
    "prune_dead_servers",
    "prune_presences",
    "prune_rooms",
    "touch",
    "touch_with_data",
]

SERVER_DIED = "server process died"
"""The reason that is recorded when the connections of a dead server are pruned."""


def join(room_name: str, channel_name: str, user: Any, data: Any) -> Selection:
    return Selection(
        _query("join"),
        {
            "rooms": [validation.room_name(room_name)],
            "channel_names": [validation.channel_name(channel_name)],
            "user_ids": [validation.user_id(user)],
            "data": [validation.json_text(data)],
        },
        [user],
        keys=[(room_name, channel_name)],
    )


def touch(channel_name: str) -> Selection:
    return Selection(
        _query("touch"),
        {"channel_names": [validation.channel_name(channel_name)]},
        keys=[(None, channel_name)],
    )


def heartbeat(stays: Collection[tuple[str, str]]) -> Selection:
    """``stays`` are pairs of room and channel name that were recorded before."""
    rooms, channel_names = zip(*stays, strict=True)
    return Selection(
        _query("heartbeat"),
        {"rooms": list(rooms), "channel_names": list(channel_names)},
    )


def touch_with_data(channel_name: str, data: Any) -> Selection:
    return Selection(
        _query("touch_with_data"),
        {"channel_names": [validation.channel_name(channel_name)], "data": [validation.json_text(data)]},
        keys=[(None, channel_name)],
    )


def leave_all(channel_name: str) -> Selection:
    return Selection(
        _query("leave_all"),
        {"channel_names": [validation.channel_name(channel_name)]},
        keys=[(None, channel_name)],
    )


def leave_user(user: Any, reason: str) -> Selection:
    return Selection(
        _query("leave_user"),
        {"user_id": validation.user_id(user), "data": validation.json_text({"reason": reason})},
        [user],
    )


def prune_presences(room_name: str | None, age_in_seconds: float | None) -> Selection:
    """``room_name`` is None for every room, ``age_in_seconds`` for the setting's."""
    age = conf.max_age() if age_in_seconds is None else age_in_seconds
    return Selection(_query("prune_presences"), {"room": room_name, "age": validation.age(age)})


def prune_dead_servers(names: Collection[str], seen: Collection[int], grace: float) -> Selection:
    """Presences of the processes ``names``, each of which was last ``seen`` at that time, in microseconds.

    A presence that was seen more than ``grace`` seconds later than its process is left alone.
    """
    params = {"names": list(names), "seen": list(seen), "grace": grace, "reason": SERVER_DIED}
    return Selection(_query("prune_dead_servers"), params)


def prune_rooms() -> Selection:
    return Selection(_query("prune_rooms"), {})


def _query(name: str) -> str:
    return sql.read("projections", f"queries/selections/{name}")
