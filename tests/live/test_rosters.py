"""Rosters across servers that are killed, and layers and databases that are restarted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from projections.testing import RosterClient
from tests.live.chaos.processes import LAYERS, Valkey
from tests.live.databases import Cluster
from tests.live.servers import Server
from tests.waiting import until

USERS = {1: "ada", 2: "bo", 3: "cy"}
ROOM = "lobby"
CREATE_USERS = """
import sys, django
django.setup()
from django.contrib.auth import get_user_model
for name in sys.argv[1:]:
    get_user_model().objects.create_user(name)
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("rosters")).running() as cluster:
        yield cluster


class Tab:
    """A tab of a user in a browser. It connects to the first of ``servers`` that answers, again and again."""

    def __init__(self, servers: list[Server], user: int) -> None:
        self.client = RosterClient(ROOM, self._send)
        self.messages: list[dict[str, Any]] = []
        self._servers = servers
        self._user = user
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._run())

    def names(self) -> dict[str, int]:
        """Returns the names that are shown, with the numbers of tabs."""
        return {member["info"]["name"]: len(member["connections"]) for member in self.client.members.values()}

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def set_data(self, data: dict[str, Any]) -> None:
        self._outbox.put_nowait(json.dumps(data))

    def _send(self, message: dict[str, Any]) -> None:
        self._outbox.put_nowait(json.dumps(message))

    async def _run(self) -> None:
        while True:
            for server in self._servers:
                try:
                    address = f"ws://127.0.0.1:{server.port}/roster/?room={ROOM}&user={self._user}"
                    async with connect(address, open_timeout=10) as socket:
                        self._outbox = asyncio.Queue()
                        self.client.follow()
                        sender = asyncio.ensure_future(self._send_all(socket))
                        try:
                            async for text in socket:
                                if self.client.receive(text):
                                    self.messages.append(json.loads(text))
                        finally:
                            sender.cancel()
                except (OSError, WebSocketException, TimeoutError):
                    await asyncio.sleep(0.1)

    async def _send_all(self, socket: Any) -> None:
        while True:
            await socket.send(await self._outbox.get())


def start_server(cluster: Cluster, shards: list[Valkey], log: Path, layer: str, signals: str) -> Server:
    return Server(
        "uvicorn",
        log,
        DATABASE_URL=cluster.environment()["DATABASE_URL"],
        PRESENCE_VALKEY=" ".join(shard.url for shard in shards),
        PRESENCE_LAYER=LAYERS[layer],
        PRESENCE_SIGNALS=signals,
        PRESENCE_MAX_AGE="15",
        PRESENCE_PRUNE_IN_SERVER="1",
    )


@pytest.fixture(params=[1, 2], ids=["one host", "sharded"])
def shards(request: pytest.FixtureRequest) -> Iterator[list[Valkey]]:
    """The hosts of the channel layer. With several, the layer spreads channels and groups over them."""
    shards = [Valkey(persistent=False) for _ in range(request.param)]
    for shard in shards:
        shard.start()
    yield shards
    for shard in shards:
        shard.remove()


@pytest.mark.parametrize(("layer", "signals"), [("core", "inline"), ("pubsub", "worker")])
async def test_every_tab_agrees_after_each_failure(
    cluster: Cluster, shards: list[Valkey], tmp_path: Path, layer: str, signals: str
) -> None:
    cluster.use_new_database()
    cluster.run("-c", CREATE_USERS, *USERS.values())
    servers = [
        await asyncio.to_thread(start_server, cluster, shards, tmp_path / f"{number}.log", layer, signals)
        for number in range(2)
    ]
    tabs: list[Tab] = []
    try:
        # Ada's tabs prefer the first server, and Bo's the second one.
        ada = [Tab(servers, 1), Tab(servers, 1)]
        bo = Tab(servers[::-1], 2)
        tabs += [*ada, bo]
        await until(lambda: all(tab.names() == {"ada": 2, "bo": 1} for tab in tabs))
        await bo.set_data({"status": "away"})
        await until(lambda: all(tab.client.members["2"]["info"].get("status") == "away" for tab in tabs))
        arrivals = len([1 for message in bo.messages if "joined" in message])

        await asyncio.to_thread(servers[0].kill)
        before = len(ada[0].messages)
        await until(lambda: len(ada[0].messages) > before)
        cy = Tab(servers[::-1], 3)
        tabs.append(cy)
        await until(lambda: all({"ada", "bo", "cy"} == tab.names().keys() for tab in tabs))
        await until(lambda: all(tab.names() == {"ada": 2, "bo": 1, "cy": 1} for tab in tabs))
        assert not any("1" in message.get("left", ()) for message in bo.messages), "ada never left"
        assert len([1 for message in bo.messages if "joined" in message]) == arrivals + 1

        for shard in shards:
            await asyncio.to_thread(shard.stop)
        await cy.close()
        for shard in shards:
            await asyncio.to_thread(shard.start)
        tabs.remove(cy)
        await until(lambda: all(tab.names() == {"ada": 2, "bo": 1} for tab in tabs))

        await asyncio.to_thread(cluster.stop)
        await asyncio.to_thread(cluster.start)
        tabs.append(Tab(servers[::-1], 3))
        await until(lambda: all(tab.names() == {"ada": 2, "bo": 1, "cy": 1} for tab in tabs))
    finally:
        for tab in tabs:
            await tab.close()
        for server in servers:
            await asyncio.to_thread(server.kill)
            print(server.output())
