"""Connections: rejoins, leaves and evictions, and their order."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from projections._live import async_connection, missing_stays
from projections.models import Room
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    present,
)
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


class HeldUpRejoin:
    """Stops the next asynchronous join before it is recorded, until the gate opens."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = async_connection.ajoin
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

        async def held_up(*args: Any, **kwargs: Any) -> Any:
            self.reached.set()
            await self.gate.wait()
            return await real(*args, **kwargs)

        monkeypatch.setattr(async_connection, "ajoin", held_up)


async def test_interleaving_a_rejoin_and_the_end_of_the_consumer_leave_no_presence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rejoin is in progress when the client disconnects. The leave waits for it."""
    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    rejoin = HeldUpRejoin(monkeypatch)
    beating = asyncio.create_task(beat())
    await rejoin.reached.wait()
    leaving = asyncio.create_task(client.disconnect())
    await until(lambda: client.consumer._presence.ended)
    rejoin.gate.set()
    await asyncio.gather(beating, leaving)
    assert await happened() == ["join a", "prune a", "join a", "leave a"]
    assert await present() == []


@both
async def test_interleaving_a_rejoin_after_the_end_records_nothing(chat: Any) -> None:
    client = await client_of(chat, "a")
    connection = client.consumer._presence
    stays = connection.stays()
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await client.disconnect()
    assert await connection.rejoin(stays) == 0
    assert await happened() == ["join a", "prune a"]


async def test_interleaving_a_rejoin_and_a_leave_end_outside_the_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rejoin is in progress when the consumer leaves that room. The leave comes last."""
    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    rejoin = HeldUpRejoin(monkeypatch)
    beating = asyncio.create_task(beat())
    await rejoin.reached.wait()
    await client.send("leave_room", "a")
    await until(lambda: client.consumer._presence._lock._waiters)
    rejoin.gate.set()
    await beating
    assert await client.communicator.receive_json_from() is None
    assert await present() == []
    await client.disconnect()


@both
async def test_interleaving_two_rejoins_of_the_same_connection_record_one(chat: Any) -> None:
    """A message and a heartbeat find the same missing stays at the same time."""
    client = await client_of(chat, "a", "b")
    await fall_silent(client)
    for room in ("a", "b"):
        await end_elsewhere("prune", room, client)
    connection = client.consumer._presence
    stays = connection.stays()
    assert sorted(await asyncio.gather(connection.rejoin(stays), connection.rejoin(stays))) == [0, 2]
    assert await happened() == ["join a", "join b", "prune a", "prune b", "join a", "join b"]
    await client.disconnect()


async def test_an_eviction_of_a_closed_socket_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """daphne and uvicorn raise an error when a message is sent to a closed socket."""
    caplog.set_level(logging.DEBUG, "projections.connection")
    client = await client_of(AsyncChat, "a")

    async def gone(message: Any) -> None:
        raise OSError("the client is gone")

    client.consumer._presence._send = gone
    await Room.objects.aprune_presences(0)
    await until(lambda: "could not be closed, and is probably closed already" in caplog.text)
    await client.disconnect()
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


async def test_a_touch_of_a_present_connection_runs_no_other_query(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await client_of(AsyncChat, "a")
    monkeypatch.setattr(missing_stays, "find_endings", None)
    assert await client("touch_presence") == 1
    await client.disconnect()
