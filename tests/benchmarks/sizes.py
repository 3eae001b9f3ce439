"""The sizes of a run: those of the published figures, and the smallest that still execute every line."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    seconds: float = 0.7
    """Target duration of a measurement of one operation. It determines the number of calls, which is reported."""

    rounds: int = 3
    """Rounds of every peer."""

    slow_rounds: int = 2
    """Rounds of the fork in sections where a round takes minutes."""

    peers: tuple[str, ...] = ("ours", "fork", "audited", "redis")
    """The peers that are compared."""

    callers: tuple[int, ...] = (1, 10, 100, 1000, 5000)
    connections: int = 20_000
    """The maximal number of present connections."""

    storm: int = 20_000
    idle: float = 30.0
    """Seconds in which a worker of `run_projector` is measured while nothing happens."""

    mixed_callers: tuple[int, ...] = (100, 1000)
    prune: int = 1000
    trail: int = 3000
    single_appends: int = 2000
    batches: int = 30
    batch: int = 1000
    growth: tuple[int, ...] = (0, 1_000_000, 10_000_000)
    growth_rounds: int = 5
    users: int = 5000
    """Users in the log, most of whom have few stays."""

    reports: tuple[int, int] = (100_000, 10_000_000)
    """Events of the two logs that get the same queries."""

    questions: int = 100
    """Queries of a kind about each part of a log."""

    report_rounds: int = 5
    replay_rounds: int = 3
    indexed: int = 1_000_000
    """Events of the log whose indexes are measured."""

    leased: int = 10_000
    """Connections of each process whose beats are measured."""

    lease_processes: int = 10
    lease_periods: int = 50
    day_of_beats: int = 172_800
    """Beats of 20 processes in a day."""

    sockets: tuple[int, ...] = (1000, 5000)
    under_way: int = 1000
    """Concurrent messages of all sockets together."""

    socket_rounds: int = 5
    socket_seconds: float = 4.0
    servers: tuple[str, ...] = ("uvicorn", "daphne")
    """The first is measured with every number of sockets and with the fork, the others with the smallest number."""


SMOKE = Sizes(
    seconds=0.02,
    rounds=1,
    callers=(1, 20),
    connections=20,
    storm=25,
    idle=0.2,
    mixed_callers=(10,),
    prune=10,
    trail=10,
    single_appends=10,
    batches=3,
    batch=20,
    growth=(0, 1000),
    growth_rounds=1,
    users=50,
    reports=(1000, 5000),
    questions=2,
    report_rounds=1,
    replay_rounds=1,
    indexed=1000,
    leased=20,
    lease_processes=2,
    lease_periods=2,
    day_of_beats=40,
    sockets=(10,),
    under_way=5,
    socket_rounds=1,
    socket_seconds=0.2,
    slow_rounds=1,
)
