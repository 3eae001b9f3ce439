"""Registries of live connections."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections._live import registry
from projections._live.async_connection import AsyncConnection
from projections._live.live_loop import LiveLoop
from projections._live.registry import Registry
from projections._live.stopwatch import Stopwatch


async def connection_named(name: str) -> AsyncConnection:
    async def send(message: Any) -> None:
        """Drops the message."""

    connection = AsyncConnection(LiveLoop(), send, heartbeat=True, evict_code=4408)
    connection.channel_name = name
    return connection


async def test_a_registry_has_the_connections_that_entered_and_did_not_exit() -> None:
    here = Registry()
    one, other = await connection_named("registry-one"), await connection_named("registry-other")
    here.enter(one)
    here.enter(other)
    here.exit(one)
    here.exit(await connection_named("registry-unknown"))
    assert list(here) == [other]
    assert len(here) == 1


async def test_a_connection_is_found_by_its_channel_name_in_every_registry() -> None:
    connections = [await connection_named(name) for name in ("registry-a", "registry-b")]
    for connection in connections:
        Registry().enter(connection)
    assert [registry.find(name) for name in ("registry-a", "registry-b", "registry-c")] == [*connections, None]


async def test_a_connection_whose_consumer_is_being_cancelled_is_about_to_leave() -> None:
    here, entered = Registry(), asyncio.Event()

    async def consume() -> None:
        connection = await connection_named("registry-cancelled")
        here.enter(connection)
        entered.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert here.has_cancelled()
            here.exit(connection)
            assert not here.has_cancelled()

    task = asyncio.create_task(consume())
    await entered.wait()
    assert not here.has_cancelled()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_registry_is_stalled_after_the_maximal_age_without_a_beat(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 60
    here = Registry()
    here.last_beat = Stopwatch(ago=50)
    assert not here.is_stalled()
    here.last_beat = Stopwatch(ago=61)
    assert here.is_stalled()
