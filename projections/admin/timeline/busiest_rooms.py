"""Rooms to choose from."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Count

from projections.models import Presence, Room

__all__ = ["OFFERED", "Occupied", "rooms"]

OFFERED = 20


class Occupied(NamedTuple):
    room: str
    connections: int
    people: int
    """With a user, each once."""


def rooms() -> list[Occupied]:
    """The fullest rooms, and then others in the order of their names: so many as are offered. Two queries."""
    here = Presence.objects.values("room_id").annotate(connections=Count("id"), people=Count("user_id", distinct=True))
    full = [
        Occupied(row["room_id"], row["connections"], row["people"])
        for row in here.order_by("-connections", "room_id")[:OFFERED]
    ]
    names = Room.objects.order_by("channel_name").values_list("channel_name", flat=True)
    others = names.exclude(channel_name__in=[each.room for each in full])[: OFFERED - len(full)]
    return [*full, *(Occupied(name, 0, 0) for name in others)]
