"""Leaves of consumers that end together, as when a server stops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from projections._live import drain, live_loop
from projections._live.drain import Drain
from projections.managers import PresenceManager
from tests.projections.live.mixed import CHATS, AsyncChat, client_of, present
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


@both
async def test_a_consumer_cancelled_while_it_leaves_ends_after_its_leave(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stops just after a disconnect. Without the loop, receivers in a thread would never return."""
    client = await client_of(chat, "a")
    leaving, gate = asyncio.Event(), asyncio.Event()
    real = PresenceManager.aleave_all

    async def held_up(*args: Any) -> int:
        left = await real(*args)
        leaving.set()
        await gate.wait()
        return left

    monkeypatch.setattr(PresenceManager, "aleave_all", held_up)
    await client.communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await leaving.wait()
    client.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not client.communicator.future.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    assert not live_loop.current().drain._leaves


async def test_consumers_cancelled_together_end_when_all_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """daphne exits as soon as the first one has ended."""
    clients = [await client_of(AsyncChat, "a") for _ in range(5)]
    real = PresenceManager.aleave_all

    async def slow_for_some(manager: Any, channel_name: str) -> int:
        if channel_name != clients[0].channel:
            await asyncio.sleep(0.2)
        return await real(manager, channel_name)

    monkeypatch.setattr(PresenceManager, "aleave_all", slow_for_some)
    for client in clients:
        client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await clients[0].communicator.future
    assert await present() == []
    await asyncio.wait([client.communicator.future for client in clients])


@both
async def test_a_consumer_cancelled_twice_stops_waiting(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await client_of(chat, "a")
    leaving, gate = asyncio.Event(), asyncio.Event()
    real = PresenceManager.aleave_all

    async def held_up(*args: Any) -> int:
        leaving.set()
        await gate.wait()
        return await real(*args)

    monkeypatch.setattr(PresenceManager, "aleave_all", held_up)
    client.cancel()
    await leaving.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    gate.set()
    await until(lambda: not live_loop.current().drain._leaves)
    assert await present() == []


@pytest.mark.parametrize("ignores_it", [False, True])
async def test_a_cancelled_consumer_waits_for_slower_ones_until_the_drain_timeout(
    monkeypatch: pytest.MonkeyPatch, ignores_it: bool
) -> None:
    """Their leaves start after its own. A consumer that ignores the cancellation does not block it for longer."""
    monkeypatch.setattr(drain, "DRAIN_TIMEOUT", 0.2)
    handling, done = asyncio.Event(), asyncio.Event()

    class Slow(AsyncChat):
        async def stay_busy(self) -> None:
            handling.set()
            try:
                await done.wait()
            finally:
                await (done.wait() if ignores_it else asyncio.sleep(0.05))

    slow, quick = await client_of(Slow, "a"), await client_of(AsyncChat, "b")
    await slow.send("stay_busy")
    await handling.wait()
    slow.cancel()
    quick.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quick.communicator.future
    assert await present() == ([("a", slow.channel)] if ignores_it else [])
    done.set()
    with pytest.raises(asyncio.CancelledError):
        await slow.communicator.future


async def test_a_cancelled_consumer_that_never_joined_does_not_wait_without_leaves() -> None:
    client = await client_of(AsyncChat)
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future


async def test_a_drain_without_leaves_returns_at_once() -> None:
    one = Drain(lambda: False)
    await one.wait()
    assert one._draining is None


async def test_callers_share_one_wait() -> None:
    one, gate = Drain(lambda: False), asyncio.Event()

    async def leave() -> None:
        await gate.wait()

    leaving = asyncio.create_task(one.run(leave(), cancelled=False))
    await until(lambda: one._leaves)
    waits = [asyncio.create_task(one.wait()) for _ in range(2)]
    await until(lambda: one._draining)
    shared = one._draining
    await asyncio.sleep(0)
    assert one._draining is shared
    assert not any(wait.done() for wait in waits)
    gate.set()
    await asyncio.gather(leaving, *waits)
    assert one._draining is None


async def test_a_consumer_that_was_not_cancelled_does_not_wait_for_others() -> None:
    one, gate = Drain(lambda: True), asyncio.Event()

    async def leave() -> None:
        await gate.wait()

    async def leave_at_once() -> None:
        """Leaves no room."""

    slow = asyncio.create_task(one.run(leave(), cancelled=False))
    await until(lambda: one._leaves)
    await asyncio.wait_for(one.run(leave_at_once(), cancelled=False), 10)
    gate.set()
    await slow
