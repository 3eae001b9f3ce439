"""How much is measured: the real thing, and as little as still goes through every line."""

from __future__ import annotations

from typing import NamedTuple


class Sizes(NamedTuple):
    seconds: float = 0.7
    """What a measurement of one operation should take: from it follows how many calls are made, which is reported."""

    rounds: int = 3
    """How often every peer gets its turn."""

    slow_rounds: int = 2
    """How often the fork gets it where that takes minutes."""

    peers: tuple[str, ...] = ("ours", "fork", "audited", "redis")
    """Who takes part where several are compared."""

    callers: tuple[int, ...] = (1, 10, 100, 1000, 5000)
    connections: int = 20_000
    """At most so many are present."""

    storm: int = 20_000
    idle: float = 30.0
    """Seconds for which a worker has nothing to do."""

    mixed_callers: tuple[int, ...] = (100, 1000)
    prune: int = 1000
    trail: int = 3000
    single_appends: int = 2000
    batches: int = 30
    batch: int = 1000
    growth: tuple[int, ...] = (0, 1_000_000, 10_000_000)
    growth_rounds: int = 5
    users: int = 5000
    """Who takes part in the past: most of them seldom."""

    reports: tuple[int, int] = (100_000, 10_000_000)
    """The events of the two logs that are asked the same."""

    questions: int = 100
    """Of a kind, and of each part of a log."""

    report_rounds: int = 5
    replay_rounds: int = 3
    indexed: int = 1_000_000
    """The events of the log whose indexes are measured."""

    sockets: tuple[int, ...] = (1000, 5000)
    under_way: int = 1000
    """Messages, of all sockets together."""

    socket_rounds: int = 5
    socket_seconds: float = 4.0
    servers: tuple[str, ...] = ("uvicorn", "daphne")
    """The first serves every number of sockets and the fork, the others the smallest number and ours."""


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
    sockets=(10,),
    under_way=5,
    socket_rounds=1,
    socket_seconds=0.2,
    slow_rounds=1,
)
