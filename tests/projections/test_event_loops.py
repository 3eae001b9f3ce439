"""An event loop for synchronous code that has none."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest
from asgiref.sync import sync_to_async

from projections import event_loops
from tests.waiting import wait_until


async def where() -> tuple[asyncio.AbstractEventLoop, int]:
    return asyncio.get_running_loop(), threading.get_ident()


async def fail() -> None:
    raise LookupError("nowhere")


def test_a_thread_keeps_its_loop_and_no_other_has_it() -> None:
    kept, thread = event_loops.run(where)
    assert event_loops.run(where) == (kept, thread)
    assert thread == threading.get_ident()
    found: list[asyncio.AbstractEventLoop] = []
    other = threading.Thread(target=lambda: found.append(event_loops.run(where)[0]))
    other.start()
    other.join()
    assert found[0] is not kept
    wait_until(found[0].is_closed)
    assert not kept.is_closed()


def test_what_is_raised_reaches_the_caller() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        event_loops.run(fail)


async def test_code_that_a_loop_has_sent_to_a_thread_uses_that_loop() -> None:
    loop, _ = await sync_to_async(event_loops.run)(where)
    assert loop is asyncio.get_running_loop()


def test_a_forked_process_makes_a_loop_of_its_own_and_ends_quietly() -> None:
    program = (
        "import os, sys\n"
        "from projections import event_loops\n"
        "async def one(): return 1\n"
        "assert event_loops.run(one) == 1\n"
        "child = os.fork()\n"
        "assert event_loops.run(one) == 1\n"
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
