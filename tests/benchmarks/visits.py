"""Connections with channel names like those of a channel layer, a hundred in each room."""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

VISITS_PER_ROOM = 100


class Visit(NamedTuple):
    room: str
    channel_name: str


def visits(count: int) -> list[Visit]:
    """Returns ``count`` visits, the same ones each time.

    Neighbours are in different rooms, and the channel names are not sorted, as in reality.
    """
    rooms = -(-count // VISITS_PER_ROOM)
    return [
        Visit(f"room-{i % rooms}", f"specific.inmemory!{md5(str(i).encode(), usedforsecurity=False).hexdigest()[:12]}")
        for i in range(count)
    ]
