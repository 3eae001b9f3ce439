"""The list of people that a room shows."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, F, Min

from projections.models import Room


def people(room: Room) -> list[dict[str, Any]]:
    """Returns each user in ``room`` once, with the number of connections and the earliest join, which sorts them."""
    here = room.presence_set.filter(user__username__isnull=False).values(name=F("user__username"))
    found = here.annotate(connections=Count("id"), since=Min("joined_at")).order_by("since")
    return [{**person, "since": person["since"].isoformat()} for person in found]
