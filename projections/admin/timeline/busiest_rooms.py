"""Finds rooms that the timeline offers to choose from."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Count

from presence_events.databases.rooms import aliases, chosen_by_room
from projections.models import Presence, Room

__all__ = ["MAX_ROOMS", "BusyRoom", "busiest_rooms"]

MAX_ROOMS = 20


class BusyRoom(NamedTuple):
    room: str
    connections: int
    people: int
    """Users, each counted once."""


def busiest_rooms() -> list[BusyRoom]:
    """Returns the rooms with the most connections, then empty rooms by name, `MAX_ROOMS` at most.

    Makes two queries, in each of the databases that have rooms.
    """
    databases = aliases() if chosen_by_room() else [None]
    rooms = [room for each in databases for room in _busiest_rooms(each)]
    return sorted(rooms, key=lambda room: (-room.connections, room.room))[:MAX_ROOMS]


def _busiest_rooms(using: str | None) -> list[BusyRoom]:
    present = (
        Presence.objects.using(using)
        .values("room_id")
        .annotate(connections=Count("id"), people=Count("user_id", distinct=True))
    )
    busy = [
        BusyRoom(row["room_id"], row["connections"], row["people"])
        for row in present.order_by("-connections", "room_id")[:MAX_ROOMS]
    ]
    names = Room.objects.using(using).order_by("channel_name").values_list("channel_name", flat=True)
    empty = names.exclude(channel_name__in=[room.room for room in busy])[: MAX_ROOMS - len(busy)]
    return [*busy, *(BusyRoom(name, 0, 0) for name in empty)]
