"""Stays by the people whose they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Model

from presence_events.users import who

__all__ = ["Lane", "lane_of", "users"]


class Lane(NamedTuple):
    """One line of the drawing. Anonymous connections have one each: no two of them are known to be of one person."""

    kind: str
    """user, deleted, anonymous or room."""
    key: Any
    """Of the user, the connection or the room."""
    name: str


class _Row(NamedTuple):
    user_id: Any
    user: Any


def users(keys: Iterable[Any]) -> dict[Any, Model]:
    """Those of these users who exist, by key: one query, however many they are."""
    model: Any = get_user_model()
    found: dict[Any, Model] = model._base_manager.in_bulk({key for key in keys if key is not None})
    return found


def lane_of(user_id: Any, channel_name: str, known: dict[Any, Any]) -> Lane:
    """The lane of whoever had that connection."""
    row = _Row(user_id, known.get(user_id))
    if user_id is None:
        return Lane("anonymous", channel_name, who(row))
    return Lane("deleted" if row.user is None else "user", user_id, who(row))
