"""Who joins what: connections named as a channel layer names them, a hundred to a room."""

from __future__ import annotations

from hashlib import md5
from typing import NamedTuple

IN_A_ROOM = 100


class Visit(NamedTuple):
    room: str
    channel_name: str


def visits(count: int) -> list[Visit]:
    """The same ones each time. Neighbours are in different rooms, and the names are in no order, as in reality."""
    rooms = -(-count // IN_A_ROOM)
    return [
        Visit(f"room-{i % rooms}", f"specific.inmemory!{md5(str(i).encode(), usedforsecurity=False).hexdigest()[:12]}")
        for i in range(count)
    ]
