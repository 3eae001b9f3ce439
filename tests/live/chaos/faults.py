"""What may happen to the parts, and within which time all has to be right again."""

from __future__ import annotations

import time

from tests.live.chaos.processes import GRACE, SILENCE
from tests.live.chaos.world import Fault, World
from tests.waiting import wait_until

MARGIN = 15.0
"""Seconds more than documented, for a machine that is busy with other things."""

AGAIN = 5.0
"""Seconds in which clients connect again, and in which a database or a layer is back and has been noticed."""

REGROUPED = 2
"""The part of the maximal age within which every connection is added to its groups again."""

CHECKS_UNTIL_DEAD = 6
"""Looks at a server, `World.every` seconds apart, until its presences are pruned: four that find it as it was before,
one that found it alive, and one for the worker to come round."""


def _raised(*errors: str) -> str:
    """Matches what is logged of a traceback that ends with one of ``errors``."""
    return rf".*\b(?:{'|'.join(errors)}): (?!.*Traceback)"


DATABASE = (
    r"WARNING presence_events\.group_commit: The database 'default' is away,",
    r"ERROR uvicorn\.error: Exception in ASGI application" + _raised("OperationalError", "InterfaceError"),
    r"ERROR daphne\.server: Exception inside application" + _raised("OperationalError", "InterfaceError"),
    r"WARNING presence_events\.processes: \S+ cannot say in the database 'default' that it is alive: ",
    r"OperationalError: ",
    r"\t",  # the rest of such a message
)
"""What is said of a database that is away. Synchronous consumers end by it, and so do those who are just connecting."""

_LAYER_IS_AWAY = ("ConnectionError", "BusyLoadingError")

LAYER = (
    r"ERROR projections\.groups: The channel layer failed to follow" + _raised(*_LAYER_IS_AWAY),
    r"ERROR uvicorn\.error: Exception in ASGI application" + _raised(*_LAYER_IS_AWAY),
    r"ERROR daphne\.server: Exception inside application" + _raised(*_LAYER_IS_AWAY),
    r"ERROR channels_redis\.pubsub: Unexpected exception" + _raised(*_LAYER_IS_AWAY),
)
"""What is said of a layer that is away. Whoever listens to it ends by it."""


def kill_server(world: World) -> float:
    kind = world.dice.choice(sorted(world.servers))
    server = world.servers.pop(kind)
    began = time.monotonic()
    server.kill()
    world.start_server(kind)
    return began


def replace_server(world: World) -> float:
    """Under load daphne may not end at all: a thread waits for the event loop that has ended."""
    kind = world.dice.choice(sorted(world.servers))
    server = world.servers.pop(kind)
    began = time.monotonic()
    server.replace()
    world.start_server(kind)
    return began


def kill_leader(world: World) -> float:
    leader = world.leader()
    began = time.monotonic()
    world.kill_worker(leader)
    world.start_worker()
    return began


def restart_postgres(world: World) -> float:
    began = time.monotonic()
    world.cluster.stop()
    world.cluster.start()
    return began


def kill_postgres(world: World) -> float:
    began = time.monotonic()
    world.cluster.kill()
    world.cluster.start()
    return began


def restart_valkey(world: World) -> float:
    began = time.monotonic()
    world.valkey.stop()
    world.valkey.start()
    return began


def kill_valkey(world: World) -> float:
    began = time.monotonic()
    world.valkey.kill()
    world.valkey.start()
    return began


def cut_sockets(world: World) -> float:
    began = time.monotonic()
    world.crowd.cut(len(world.crowd.clients) // 4, world.dice)
    return began


def silence_sockets(world: World) -> float:
    began = time.monotonic()
    world.crowd.fall_silent(len(world.crowd.clients) // 4, world.dice)
    return began


def freeze_server(world: World) -> float:
    """Until it is taken for dead. Returns when it goes on."""
    server = world.servers[world.dice.choice(sorted(world.servers))]
    server.freeze()
    try:
        began = time.monotonic()
        channels = world.crowd.channels_at(server.name)
        assert wait_until(lambda: world.present_of(channels)), "its clients were pruned at once"
        wait_until(lambda: not world.present_of(channels), world.every * CHECKS_UNTIL_DEAD + MARGIN)
        world.taken_for_dead.append(time.monotonic() - began)
    finally:
        server.thaw()
    return time.monotonic()


def let_valkey_forget(world: World) -> float:
    began = time.monotonic()
    world.valkey.forget()
    return began


def forgetting(max_age: float) -> Fault:
    """With channels_redis.core; the other layer keeps its groups in the servers."""
    return Fault("a Valkey that forgets its groups", let_valkey_forget, REGROUPED * max_age + MARGIN)


def faults(every: float, max_age: float) -> list[Fault]:
    """All of them, in a `World` with the same."""
    gone = every * CHECKS_UNTIL_DEAD + MARGIN
    away = AGAIN + MARGIN
    return [
        Fault("kill -9 of a server", kill_server, gone),
        Fault("a server that is replaced", replace_server, GRACE + gone),
        Fault("kill -9 of the leading worker", kill_leader, away),
        Fault("restart of PostgreSQL", restart_postgres, away, DATABASE),
        Fault("kill -9 of PostgreSQL", kill_postgres, away, DATABASE),
        # Who left while it was away is discarded, and who was discarded too late is added, in time.
        Fault("restart of Valkey", restart_valkey, away + REGROUPED * max_age, LAYER),
        Fault("kill -9 of Valkey", kill_valkey, away + REGROUPED * max_age, LAYER),
        Fault("sockets cut without a close", cut_sockets, away),
        Fault("sockets that fall silent", silence_sockets, sum(SILENCE) + MARGIN),
        # Its connections join again with the next heartbeat, perhaps before they are discarded.
        Fault("a frozen server that goes on", freeze_server, REGROUPED * max_age + MARGIN),
    ]
