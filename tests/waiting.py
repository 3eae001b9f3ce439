"""Waiting for what somebody else does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any


def wait_until(condition: Callable[[], Any], timeout: float = 30) -> Any:
    """Asks ``condition`` again and again until its answer is true, and returns that answer.

    A condition may be a series of assertions: one that fails counts as false, and the last failure is raised when
    ``timeout`` seconds are over.
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
            raise failure or AssertionError(f"In {timeout} s it did not come true: {condition!r}")
        time.sleep(0.02)


async def until(condition: Callable[[], Any]) -> None:
    """Lets the event loop go on until ``condition`` is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
