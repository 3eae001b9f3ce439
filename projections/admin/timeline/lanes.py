"""Assigns stays to lanes: one for each user, anonymous connection or room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Model

from presence_events.users import display_name

__all__ = ["Lane", "lane_of", "users_by_key"]


class Lane(NamedTuple):
    """One line of the drawing. Each anonymous connection has its own, since two may belong to different people."""

    kind: str
    """user, deleted, anonymous or room."""
    key: Any
    """The key of the user, the name of the connection, or the name of the room."""
    name: str


class _UserRow(NamedTuple):
    user_id: Any
    user: Any


def users_by_key(keys: Iterable[Any]) -> dict[Any, Model]:
    """Returns the existing users among ``keys``, by key, with one query. Keys may repeat and may be None."""
    model: Any = get_user_model()
    found: dict[Any, Model] = model._base_manager.in_bulk({key for key in keys if key is not None})
    return found


def lane_of(user_id: Any, channel_name: str, users: dict[Any, Any]) -> Lane:
    """Returns the lane of the person with that connection. ``users`` has the existing users by key."""
    row = _UserRow(user_id, users.get(user_id))
    if user_id is None:
        return Lane("anonymous", channel_name, display_name(row))
    return Lane("deleted" if row.user is None else "user", user_id, display_name(row))
