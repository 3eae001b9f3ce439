"""Threads that work on behalf of event loops."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import SyncToAsync, sync_to_async

from presence_events.threads import sending_loop


async def test_a_thread_knows_the_loop_that_has_sent_it() -> None:
    assert await sync_to_async(sending_loop)() is asyncio.get_running_loop()


def test_a_thread_that_nobody_has_sent_knows_of_none() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(sending_loop()))
    thread.start()
    thread.join()
    assert found == [None]


def test_the_loop_of_a_thread_that_was_sent_earlier_runs_no_more() -> None:
    sent: list[threading.Thread] = []

    async def send() -> None:
        await sync_to_async(lambda: sent.append(threading.current_thread()))()

    asyncio.run(send())
    assert asyncio.run(asked_in(sent[0])) is None


async def asked_in(thread: threading.Thread) -> object:
    """What the thread of `sync_to_async` knows when it is used by somebody who did not say where they come from."""

    def ask() -> object:
        assert threading.current_thread() is thread
        return sending_loop()

    return await asyncio.wrap_future(SyncToAsync.single_thread_executor.submit(ask))


async def test_a_forked_process_does_not_take_the_loop_of_its_parent_for_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forked() -> object:
        monkeypatch.setattr("presence_events.threads.os.getpid", lambda: 0)
        return sending_loop()

    assert await sync_to_async(forked)() is None
