"""Threads that work for event loops, and event loops of threads."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextvars import Context

import pytest
from asgiref.sync import AsyncToSync, SyncToAsync, async_to_sync, sync_to_async

from presence_events import concurrency
from presence_events.concurrency import is_called_by_synchronous_code, sending_loop
from tests.waiting import wait_until


async def test_a_thread_finds_the_loop_that_it_works_for() -> None:
    assert await sync_to_async(sending_loop)() is asyncio.get_running_loop()


def test_a_thread_that_works_for_no_loop_finds_none() -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(sending_loop()))
    thread.start()
    thread.join()
    assert found == [None]


def test_a_loop_that_has_ended_is_not_found() -> None:
    sent: list[threading.Thread] = []

    async def send() -> None:
        await sync_to_async(lambda: sent.append(threading.current_thread()))()

    asyncio.run(send())
    assert asyncio.run(found_in(sent[0])) is None


async def found_in(thread: threading.Thread) -> object:
    """Returns the loop that ``thread``, the one of `sync_to_async`, finds when it is used in another way."""

    def find() -> object:
        assert threading.current_thread() is thread
        return sending_loop()

    return await asyncio.wrap_future(SyncToAsync.single_thread_executor.submit(find))


async def test_a_forked_process_does_not_find_the_loop_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forked() -> object:
        monkeypatch.setattr("presence_events.concurrency.os.getpid", lambda: 0)
        return sending_loop()

    assert await sync_to_async(forked)() is None


async def has_waiting_thread() -> tuple[bool, bool]:
    """Returns the answers in this task and in one that does not inherit its context."""
    alone = asyncio.get_running_loop().create_task(answer(), context=Context())
    return await answer(), await alone


async def answer() -> bool:
    return is_called_by_synchronous_code()


def test_a_coroutine_knows_whether_a_thread_waits_for_it_in_a_loop_of_its_own() -> None:
    assert async_to_sync(has_waiting_thread)() == (True, False)
    assert asyncio.run(answer()) is False


async def test_a_coroutine_knows_whether_a_thread_waits_for_it_in_a_loop_that_others_share() -> None:
    assert await answer() is False
    assert await sync_to_async(async_to_sync(has_waiting_thread))() == (True, False)
    assert await answer() is False


def test_the_variable_of_a_local_of_asgiref_is_found() -> None:
    variable = concurrency._variable_of(AsyncToSync.executors, "current")
    assert variable is not None

    def find() -> tuple[object, object]:
        before = variable.get(None)
        AsyncToSync.executors.current = "a thread"
        return before, variable.get(None)

    before, after = Context().run(find)
    assert before is None
    assert after is not None


def test_a_local_without_a_variable_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    assert concurrency._variable_of(threading.local(), "current") is None
    monkeypatch.setattr(concurrency, "_waiting_thread", None)
    test_a_coroutine_knows_whether_a_thread_waits_for_it_in_a_loop_of_its_own()


async def where() -> tuple[asyncio.AbstractEventLoop, int]:
    return asyncio.get_running_loop(), threading.get_ident()


async def fail() -> None:
    raise LookupError("nowhere")


def test_a_thread_keeps_a_loop_of_its_own() -> None:
    kept, thread = concurrency.run(where)
    assert concurrency.run(where) == (kept, thread)
    assert thread == threading.get_ident()
    found: list[asyncio.AbstractEventLoop] = []
    other = threading.Thread(target=lambda: found.append(concurrency.run(where)[0]))
    other.start()
    other.join()
    assert found[0] is not kept
    wait_until(found[0].is_closed)
    assert not kept.is_closed()


def test_an_error_is_raised_to_the_caller() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        concurrency.run(fail)


async def test_a_thread_that_works_for_a_loop_runs_coroutines_in_it() -> None:
    loop, _ = await sync_to_async(concurrency.run)(where)
    assert loop is asyncio.get_running_loop()


def test_a_forked_process_makes_a_loop_of_its_own_and_ends_without_warnings() -> None:
    program = (
        "import os, sys\n"
        "from presence_events import concurrency\n"
        "async def one(): return 1\n"
        "assert concurrency.run(one) == 1\n"
        "child = os.fork()\n"
        "assert concurrency.run(one) == 1\n"
        "if child: sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_loop_awaits_what_comes_before_its_end() -> None:
    done: list[object] = []

    async def end() -> None:
        await asyncio.sleep(0)
        done.append(asyncio.get_running_loop())

    async def main() -> AsyncGenerator[None, None]:
        return concurrency.before_loop_closes(end)

    with asyncio.Runner() as runner:
        hook = runner.run(main())
        loop = runner.get_loop()
        assert not done
    assert done == [loop]
    del hook
