"""What the layers of channels_redis can do on a Valkey cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer
from redis.exceptions import MovedError, ResponseError

from tests.live.chaos.processes import LAYERS
from tests.live.servers import Server
from tests.live.sockets import Crowd, Socket, Visit
from tests.live.valkey_cluster import ValkeyCluster
from tests.waiting import wait_until

ONE_SLOT = "{asgi}"
"""A prefix of keys that brings all of them into one slot: only what is in the braces is hashed."""

ROOMS = tuple(f"room-{number}" for number in range(12))
"""So many that each node holds the key of some."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    with ValkeyCluster() as cluster:
        cluster.wait_until_complete()
        yield cluster


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("layer", LAYERS)
def test_two_servers_reach_each_other(cluster: ValkeyCluster, tmp_path: Path, layer: str) -> None:
    """With ``pubsub`` each server uses a node of its own, and with ``core`` both use the node of the only slot."""
    nodes = [cluster.holder(ONE_SLOT)] * 2 if layer == "core" else [0, 1]
    with ExitStack() as stack:
        crowds = []
        for number, node in enumerate(nodes):
            server = Server(
                "uvicorn",
                tmp_path / f"{number}.log",
                PRESENCE_VALKEY=cluster.url(node),
                PRESENCE_LAYER=LAYERS[layer],
                PRESENCE_LAYER_PREFIX=ONE_SLOT if layer == "core" else "asgi",
            )
            stack.callback(server.stop)
            crowds.append(Crowd(server.port))
            stack.callback(crowds[-1].disperse)
        sockets = [crowd.join(Visit("async", ROOMS), Visit("sync", ROOMS)) for crowd in crowds]
        everyone = [*sockets[0], *sockets[1]]
        wait_until(lambda: all(counts(socket) == dict.fromkeys(ROOMS, 4) for socket in everyone))
        crowds[0].close(sockets[0])
        wait_until(lambda: all(counts(socket) == dict.fromkeys(ROOMS, 2) for socket in sockets[1]))


async def test_the_pubsub_layer_needs_only_the_nodes_that_it_uses() -> None:
    """The cluster lacks the slots of a node that was killed, and so refuses every command with a key."""
    with ValkeyCluster() as cluster:
        hosts = [{"address": cluster.url(node), "socket_timeout": None} for node in (0, 1)]
        one, other = RedisPubSubChannelLayer(hosts=hosts), RedisPubSubChannelLayer(hosts=hosts[::-1])
        channel = await one.new_channel()
        for room in ROOMS:
            await one.group_add(room, channel)
        await asyncio.to_thread(cluster.kill, 2)
        for room in ROOMS:
            await other.group_send(room, {"type": "tell", "text": room})
            assert await one.receive(channel) == {"type": "tell", "text": room}
        await one.flush()
        await other.flush()


async def test_the_core_layer_refuses_what_other_nodes_hold(cluster: ValkeyCluster) -> None:
    for hosts in ([cluster.url(0)], [cluster.url(number) for number in range(3)]):
        layer = RedisChannelLayer(hosts=hosts)
        errors = [await error_of(layer.group_add(room, "specific.1!1")) for room in ROOMS]
        assert {type(error) for error in errors} == {type(None), MovedError}
        await layer.close_pools()


async def test_the_core_layer_with_one_slot_needs_the_node_of_that_slot(cluster: ValkeyCluster) -> None:
    layer = RedisChannelLayer(hosts=[cluster.url((cluster.holder(ONE_SLOT) + 1) % 3)], prefix=ONE_SLOT)
    with pytest.raises(MovedError):
        await layer.group_add("room", "specific.1!1")
    await layer.close_pools()


async def error_of(coroutine: Any) -> ResponseError | None:
    try:
        await coroutine
    except ResponseError as error:
        return error
    return None


def counts(socket: Socket) -> dict[str, int]:
    """Returns how many connections each room has, according to the last message that ``socket`` received of it."""
    return {message["room"]: message["lurkers"] for message in socket.presence}
