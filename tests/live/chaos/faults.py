"""The faults, and the times within which everything has to be correct again."""

from __future__ import annotations

import time

from tests.live.chaos.deployment import Deployment, Fault
from tests.live.chaos.processes import GRACE_PERIOD, PING_TIMES
from tests.waiting import wait_until

MARGIN = 15.0
"""Seconds more than documented, for a busy machine."""

RECONNECT_TIME = 5.0
"""Seconds in which clients reconnect, and in which the processes notice that a database or layer is available again."""

REGROUP_PERIODS = 2
"""Multiples of the maximal age within which every connection is added to its groups again."""

CHECKS_UNTIL_PRUNED = 7
"""Checks of a server, `Deployment.every` seconds apart, until its presences are pruned.

Five find its lease unchanged, one before them found it alive, and one more is the worker's own period.
"""


def _raised(*errors: str) -> str:
    """Returns a regular expression for a logged traceback that ends with one of ``errors``."""
    return rf".*\b(?:{'|'.join(errors)}): (?!.*Traceback)"


DATABASE = (
    r"WARNING presence_events\.group_commit: The database 'default' is unavailable,",
    r"ERROR uvicorn\.error: Exception in ASGI application" + _raised("OperationalError", "InterfaceError"),
    r"ERROR daphne\.server: Exception inside application" + _raised("OperationalError", "InterfaceError"),
    r"WARNING presence_events\.processes: \S+ cannot send a beat to the database 'default': ",
    r"WARNING projections\.heartbeat: Could not (?:review|compare) .* The database is unavailable: ",
    r"OperationalError: ",
    r"\t",  # the rest of such a message
)
"""Lines that are logged while a database is unavailable. Synchronous consumers and connecting consumers end by it."""

_LAYER_ERRORS = ("ConnectionError", "BusyLoadingError")

LAYER = (
    r"ERROR projections\.groups: Group update failed" + _raised(*_LAYER_ERRORS),
    r"ERROR uvicorn\.error: Exception in ASGI application" + _raised(*_LAYER_ERRORS),
    r"ERROR daphne\.server: Exception inside application" + _raised(*_LAYER_ERRORS),
    r"ERROR channels_redis\.pubsub: Unexpected exception" + _raised(*_LAYER_ERRORS),
    # A task of channels_redis.core, which it does not await.
    r"ERROR asyncio: Task exception was never retrieved .*_clean_receive_backup" + _raised(*_LAYER_ERRORS),
)
"""Lines that are logged while a layer is unavailable. Consumers that listen to it end by it."""


def kill_server(deployment: Deployment) -> float:
    kind = deployment.rng.choice(sorted(deployment.servers))
    server = deployment.servers.pop(kind)
    began = time.monotonic()
    server.kill()
    deployment.start_server(kind)
    return began


def replace_server(deployment: Deployment) -> float:
    """Under load daphne may not end at all, because a thread waits for the event loop that has ended."""
    kind = deployment.rng.choice(sorted(deployment.servers))
    server = deployment.servers.pop(kind)
    began = time.monotonic()
    server.replace()
    deployment.start_server(kind)
    return began


def kill_leader(deployment: Deployment) -> float:
    leader = deployment.leader()
    began = time.monotonic()
    deployment.kill_worker(leader)
    deployment.start_worker()
    return began


def restart_postgres(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.cluster.stop()
    deployment.cluster.start()
    return began


def kill_postgres(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.cluster.kill()
    deployment.cluster.start()
    return began


def restart_valkey(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.valkey.stop()
    deployment.valkey.start()
    return began


def kill_valkey(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.valkey.kill()
    deployment.valkey.start()
    return began


def cut_sockets(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.crowd.cut(len(deployment.crowd.clients) // 4, deployment.rng)
    return began


def silence_sockets(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.crowd.fall_silent(len(deployment.crowd.clients) // 4, deployment.rng)
    return began


def freeze_server(deployment: Deployment) -> float:
    """Freezes a server until it counts as dead. Returns the time at which it continues."""
    server = deployment.servers[deployment.rng.choice(sorted(deployment.servers))]
    server.freeze()
    try:
        began = time.monotonic()
        channels = deployment.crowd.channels_at(server.name)
        assert wait_until(lambda: deployment.present_of(channels)), "The clients were pruned at once."
        wait_until(lambda: not deployment.present_of(channels), deployment.every * CHECKS_UNTIL_PRUNED + MARGIN)
        deployment.pruned_after.append(time.monotonic() - began)
    finally:
        server.unfreeze()
    return time.monotonic()


def clear_valkey(deployment: Deployment) -> float:
    began = time.monotonic()
    deployment.valkey.clear()
    return began


def valkey_loses_data(max_age: float) -> Fault:
    """A fault only for channels_redis.core: the other layer keeps its groups in the servers."""
    return Fault("a Valkey that loses its groups", clear_valkey, REGROUP_PERIODS * max_age + MARGIN)


def faults(every: float, max_age: float) -> list[Fault]:
    """Returns all faults for a `Deployment` with the same arguments."""
    pruned = every * CHECKS_UNTIL_PRUNED + MARGIN
    reconnected = RECONNECT_TIME + MARGIN
    return [
        Fault("kill -9 of a server", kill_server, pruned),
        Fault("a server that is replaced", replace_server, GRACE_PERIOD + pruned),
        Fault("kill -9 of the leading worker", kill_leader, reconnected),
        Fault("restart of PostgreSQL", restart_postgres, reconnected, DATABASE),
        Fault("kill -9 of PostgreSQL", kill_postgres, reconnected, DATABASE),
        # Discards that failed in the outage, and adds that a late discard has undone, are repeated in time.
        Fault("restart of Valkey", restart_valkey, reconnected + REGROUP_PERIODS * max_age, LAYER),
        Fault("kill -9 of Valkey", kill_valkey, reconnected + REGROUP_PERIODS * max_age, LAYER),
        Fault("sockets cut without a close", cut_sockets, reconnected),
        Fault("sockets that fall silent", silence_sockets, sum(PING_TIMES) + MARGIN),
        # Its connections rejoin after the next beat, perhaps before they are discarded.
        Fault("a frozen server that continues", freeze_server, REGROUP_PERIODS * max_age + MARGIN),
    ]
