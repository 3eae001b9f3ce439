"""A stay, as history tells it before it is in the log."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

MINUTE = 1 / 60
SECOND = MINUTE / 60

SILENCE = (15 * SECOND, 17 * SECOND)
"""How long a connection has been silent when it is pruned: the demo looks every two seconds for those who have been for
fifteen."""


class Stay(NamedTuple):
    """A connection was in a room.

    Times are hours on the clock of the office: 9.5 is half past nine, and -2 is ten in the evening of the day before.
    """

    room: str
    name: str | None
    """Whose connection it was; None if it was anonymous."""
    joined: float
    seen: float
    """When its last heartbeat came, if later than it joined."""
    left: float
    pruned: bool
    device: str = "laptop"
    away: tuple[float, float] | None = None
    """From when to when it said that nobody was sitting in front of it."""


def stay(
    chance: Random,
    room: str,
    name: str | None,
    joined: float,
    left: float,
    *,
    device: str = "laptop",
    away: tuple[float, float] | None = None,
) -> Stay:
    """One that ended with a leave: heartbeats came until a few seconds before."""
    seen = max(joined, left - chance.uniform(0.2, 5) * SECOND)
    return Stay(room, name, joined, seen, left, False, device, away)


def lost(chance: Random, room: str, name: str | None, joined: float, seen: float, *, device: str = "laptop") -> Stay:
    """One that fell silent after ``seen``, and was pruned when that was noticed."""
    return Stay(room, name, joined, seen, seen + chance.uniform(*SILENCE), True, device)
