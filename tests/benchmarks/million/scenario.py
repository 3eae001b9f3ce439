"""What is simulated: how many connections, in which rooms, and what happens when."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

__all__ = [
    "CONNECTIONS_OF_PROCESS",
    "CROWD",
    "LARGE",
    "MEDIUM",
    "MEDIUM_SIZE",
    "PHASES",
    "SMALL",
    "STAY",
    "Scenario",
]

CONNECTIONS_OF_PROCESS = 1000
STAY = 1800.0
"""Seconds that a connection stays, on average. The times are exponential: who leaves next depends on nothing."""

ROOMS_PER_CONNECTION = 0.05
LARGE, MEDIUM, SMALL, CROWD = "large", "medium", "room-0", "crowd"
"""Rooms: with a tenth of all connections, with `MEDIUM_SIZE`, with an average number, and empty at first."""

LARGE_SHARE, MEDIUM_SIZE = 0.1, 1000

PHASES = {"steady": 2.0, "deploy": 1.0, "after the deploy": 1.0, "kill": 2.0, "crowd": 1.0, "after the crowd": 3.0}
"""The length of each phase, in tenths of the whole.

- deploy: a tenth of the processes restart, one after the other.
- kill: 5 % of the processes stop without a word. Their clients come back within half of the phase.
- crowd: a room gains a tenth of the connections.
"""

RESTARTED, KILLED, CROWD_SHARE = 0.1, 0.05, 0.1


class Scenario(NamedTuple):
    """``minutes`` is the length of all `PHASES` together, of which ``phases`` take place.

    ``max_age`` is CHANNELS_PRESENCE_MAX_AGE, in seconds.
    """

    connections: int
    minutes: float = 10.0
    max_age: int = 60
    database_connections: int = 20
    phases: Sequence[str] = tuple(PHASES)

    @property
    def processes(self) -> int:
        return max(self.connections // CONNECTIONS_OF_PROCESS, 2)

    @property
    def rooms(self) -> int:
        return max(int(self.connections * ROOMS_PER_CONNECTION), 1)

    @property
    def restarted(self) -> int:
        return max(int(self.processes * RESTARTED), 1)

    @property
    def killed(self) -> int:
        return max(int(self.processes * KILLED), 1)

    @property
    def crowd(self) -> int:
        return int(self.connections * CROWD_SHARE)

    @property
    def users(self) -> int:
        """More than there are people at a time."""
        return self.connections

    def seconds(self, phase: str) -> float:
        return PHASES[phase] * self.minutes * 60 / sum(PHASES.values())
