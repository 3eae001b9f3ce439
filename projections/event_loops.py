"""An event loop for synchronous code that has none.

``async_to_sync`` makes a loop, and a thread for it, for every call, and a channel layer then makes new connections for
every loop: several times what recording costs. Here a thread keeps its loop for as long as it lives.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from threading import local
from typing import Any, TypeVar

from asgiref.sync import async_to_sync

from presence_events.threads import sending_loop

__all__ = ["run"]

_Result = TypeVar("_Result")


def run(function: Callable[..., Coroutine[Any, Any, _Result]], *args: Any) -> _Result:
    """What ``function(*args)`` returns or raises.

    It runs in the event loop that has sent this thread, a synchronous consumer's for instance, or in the one of this
    thread if there is none.
    """
    if sending_loop() is not None:
        return async_to_sync(function)(*args)
    if not hasattr(_of_thread, "kept"):
        _of_thread.kept = _Kept()
    return _of_thread.kept.loop.run_until_complete(function(*args))  # type: ignore[no-any-return]


class _Kept:
    """Closes the loop when its thread is no more."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()


_of_thread = local()
_of_parents: list[local] = []


def _forget() -> None:
    """A forked process shares its parent's loop with it: to use it, or only to close it, would hurt the parent."""
    global _of_thread  # noqa: PLW0603
    _of_parents.append(_of_thread)
    _of_thread = local()


os.register_at_fork(after_in_child=_forget)
