"""Which events each operation asks for: checked input and the query that finds the rest."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from presence_events import conf, sql, validation
from presence_events.drafts import Selection

__all__ = ["beat", "join", "leave_all", "leave_user", "prune_presences", "prune_rooms", "touch", "touch_with_data"]


def join(room_name: str, channel_name: str, user: Any, data: Any) -> Selection:
    return Selection(
        sql.read("projections", "join"),
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
        sql.read("projections", "touch"),
        {"channel_names": [validation.channel_name(channel_name)]},
        keys=[(None, channel_name)],
    )


def beat(stays: Collection[tuple[str, str]]) -> Selection:
    """``stays`` are pairs of room and channel name that were recorded before."""
    rooms, channel_names = zip(*stays, strict=True)
    return Selection(sql.read("projections", "beat"), {"rooms": list(rooms), "channel_names": list(channel_names)})


def touch_with_data(channel_name: str, data: Any) -> Selection:
    return Selection(
        sql.read("projections", "touch_with_data"),
        {"channel_names": [validation.channel_name(channel_name)], "data": [validation.json_text(data)]},
        keys=[(None, channel_name)],
    )


def leave_all(channel_name: str) -> Selection:
    return Selection(
        sql.read("projections", "leave_all"),
        {"channel_names": [validation.channel_name(channel_name)]},
        keys=[(None, channel_name)],
    )


def leave_user(user: Any, reason: str) -> Selection:
    return Selection(
        sql.read("projections", "leave_user"),
        {"user_id": validation.user_id(user), "data": validation.json_text({"reason": reason})},
        [user],
    )


def prune_presences(room_name: str | None, age_in_seconds: float | None) -> Selection:
    """``room_name`` is None for every room, ``age_in_seconds`` for the setting's."""
    age = conf.max_age() if age_in_seconds is None else age_in_seconds
    return Selection(sql.read("projections", "prune_presences"), {"room": room_name, "age": validation.age(age)})


def prune_rooms() -> Selection:
    return Selection(sql.read("projections", "prune_rooms"), {})
