"""A straightforward presence in Redis with ``redis.asyncio``.

A room is a sorted set of connections by their last sign of life, and expires after the last of them. A heartbeat is one
round trip. There are no groups, no signals, no users and no trail, and nothing is written to disk.
"""

from __future__ import annotations

import os
import time
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection

from tests.benchmarks.peers.base import Peer
from tests.benchmarks.visits import Visit

MAX_AGE = 60
CONNECTIONS = 50
"""No other number is faster: 1 is slower, and one for each of a thousand callers is much slower."""


class RedisPresence(Peer):
    server = "BENCHMARK_VALKEY_PID"

    def __init__(self) -> None:
        self._redis = Redis(
            connection_pool=BlockingConnectionPool(
                max_connections=CONNECTIONS,
                timeout=None,
                connection_class=UnixDomainSocketConnection,
                path=os.environ["BENCHMARK_VALKEY_SOCKET"],
            )
        )

    def prepare(self) -> None:
        pass

    async def ajoin(self, visit: Visit) -> Any:
        await self.atouch(visit)

    async def atouch(self, visit: Visit) -> Any:
        key = f"presence:{visit.room}"
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.zadd(key, {visit.channel_name: time.time()})
            pipeline.expire(key, MAX_AGE)
            await pipeline.execute()

    async def aleave(self, visit: Visit) -> Any:
        await self._redis.zrem(f"presence:{visit.room}", visit.channel_name)

    async def aremove(self, visit: Visit) -> Any:
        await self.aleave(visit)

    async def aprune(self) -> Any:
        async with self._redis.pipeline(transaction=False) as pipeline:
            async for key in self._redis.scan_iter(match="presence:*", count=1000):
                pipeline.zremrangebyscore(key, "-inf", time.time())
            await pipeline.execute()

    async def present(self) -> int:
        return sum([await self._redis.zcard(key) async for key in self._redis.scan_iter(match="presence:*")])


peer = RedisPresence
