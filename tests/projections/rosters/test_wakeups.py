"""What tells other processes about changed rooms, when its event loop closes."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer

from projections.rosters import wakeups
from tests.waiting import until


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects what is sent to the group of the feeds. The layer never confirms it."""
    sent: list[Any] = []

    async def group_send(layer: Any, group: str, message: Any) -> None:
        sent.append(message["changed"])
        await asyncio.Event().wait()

    monkeypatch.setattr(InMemoryChannelLayer, "group_send", group_send)
    return sent


async def closing(during: Callable[[], None]) -> AsyncGenerator[None, None]:
    """Calls ``during`` while the loop closes, as a consumer may whose leave is recorded then."""
    try:
        yield
    finally:
        for _ in range(2):
            during()
            await asyncio.sleep(2 * wakeups.COLLECT)


def run_with_runner(main: Coroutine[Any, Any, None]) -> None:
    """As servers do: all tasks are cancelled before the asynchronous generators are finished."""
    with asyncio.Runner() as runner:
        runner.run(main)


def run_by_hand(main: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.new_event_loop()
    loop.run_until_complete(main)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


@pytest.mark.parametrize("run", [run_with_runner, run_by_hand])
@pytest.mark.parametrize("is_sent_before", [True, False])
def test_nothing_is_left_when_a_loop_closes(
    sent: list[Any], run: Callable[..., None], is_sent_before: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def tell() -> None:
        wakeups._tell("default", {"room"})

    async def main() -> None:
        tell()
        if is_sent_before:
            await until(lambda: sent)
        generator = closing(tell)
        generators.append(generator)
        await anext(generator)

    generators: list[Any] = []
    with caplog.at_level(logging.ERROR, "asyncio"):
        run(main())
        generators.clear()
        wakeups._loops.clear()
        gc.collect()
    assert caplog.records == []


@pytest.mark.usefixtures("sent")
def test_a_loop_that_was_closed_is_not_kept_in_memory() -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        wakeups.listen()
        wakeups._tell("default", {"lobby"})

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None
