"""An event loop for synchronous code that has none.

``async_to_sync`` makes a loop, and a thread for it, for every call, and a channel layer then makes new connections for
every loop: several times what recording costs. Here it is one loop in one thread for as long as the process lives.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from asgiref.sync import SyncToAsync, async_to_sync

__all__ = ["run"]

_Result = TypeVar("_Result")
_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def run(function: Callable[..., Coroutine[Any, Any, _Result]], *args: Any) -> _Result:
    """What ``function(*args)`` returns or raises.

    It runs in the event loop that has sent this thread, a synchronous consumer's for instance, or in the one of this
    module if there is none.
    """
    loop = getattr(SyncToAsync.threadlocal, "main_event_loop", None)
    if loop is not None and loop.is_running():
        return async_to_sync(function)(*args)
    return asyncio.run_coroutine_threadsafe(function(*args), _running_loop()).result()


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="presence-background", daemon=True).start()
        return _loop


def _stop() -> None:
    if _loop is not None:
        _loop.call_soon_threadsafe(_loop.stop)


def _forget() -> None:
    """A forked process has the loop, but not the thread it ran in."""
    global _loop, _lock
    _loop, _lock = None, threading.Lock()


atexit.register(_stop)
os.register_at_fork(after_in_child=_forget)
