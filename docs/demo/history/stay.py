"""A stay of the history, before it is in the log."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

MINUTE = 1 / 60
SECOND = MINUTE / 60

SILENCE_BEFORE_PRUNE = (15 * SECOND, 17 * SECOND)
"""The range of times that a connection is silent before its prune. The demo prunes every two seconds, and its maximal
age is 15."""


class Stay(NamedTuple):
    """The stay of a connection in a room.

    Times are hours of the office day: 9.5 is half past nine, and -2 is ten in the evening of the day before.
    """

    room: str
    name: str | None
    """The name of the user; None for an anonymous connection."""
    joined: float
    seen: float
    """The time of its last heartbeat, or of its join if there was none."""
    left: float
    pruned: bool
    device: str = "laptop"
    away: tuple[float, float] | None = None
    """The span in which its status was "away"."""


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
    """Returns a stay that ended with a leave. Heartbeats came until a few seconds before."""
    seen = max(joined, left - chance.uniform(0.2, 5) * SECOND)
    return Stay(room, name, joined, seen, left, False, device, away)


def pruned_stay(
    chance: Random, room: str, name: str | None, joined: float, seen: float, *, device: str = "laptop"
) -> Stay:
    """Returns a stay that fell silent after ``seen``, and was pruned later."""
    return Stay(room, name, joined, seen, seen + chance.uniform(*SILENCE_BEFORE_PRUNE), True, device)
