"""Waits for a condition that another thread, process or task brings about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], timeout: float = 60) -> Any:
    """Calls ``condition`` repeatedly until it returns something true, and returns that.

    A condition may consist of assertions: one that fails counts as false. After ``timeout`` seconds the last failed
    assertion is raised, or an AssertionError that names the condition.
    """
    deadline = time.monotonic() + timeout
    while True:
        failure: AssertionError | None = None
        try:
            answer = condition()
        except AssertionError as error:
            failure, answer = error, False
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise failure or AssertionError(f"Not true after {timeout} s: {condition!r}")
        time.sleep(0.02)


async def until(condition: Callable[[], Any]) -> None:
    """Lets the event loop run until ``condition`` is true. Raises TimeoutError after 30 seconds."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
