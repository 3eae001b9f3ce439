"""The managers for one database. ``db_manager`` copies a manager, which costs a fifth of a touch."""

from __future__ import annotations

from functools import cache

from projections.managers import PresenceManager, RoomManager
from projections.models import Presence, Room

__all__ = ["presences", "rooms"]


@cache
def presences(using: str) -> PresenceManager[Presence]:
    """Returns the manager of the presences in the database ``using``, the same each time."""
    return Presence.objects.db_manager(using)


@cache
def rooms(using: str) -> RoomManager[Room]:
    """Returns the manager of the rooms in the database ``using``, the same each time."""
    return Room.objects.db_manager(using)
