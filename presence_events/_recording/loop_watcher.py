"""Notices event loops that were closed without ``shutdown_asyncgens()``, and releases what they used.

`asyncio.run` finishes the asynchronous generators of its loop, which ends the group commit. A loop that is only closed
does not: nothing tells its group commit, whose thread and database connection would stay for as long as the process
runs. A thread looks at the loops every `CHECK_INTERVAL` seconds, as long as there are loops to watch.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable

__all__ = ["CHECK_INTERVAL", "unwatch", "watch"]

CHECK_INTERVAL = 1.0
"""Seconds between two checks."""


class _Watcher:
    """Calls a function for each loop that was closed. Safe in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[object, tuple[asyncio.AbstractEventLoop, Callable[[], None]]] = {}
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()

    def watch(self, key: object, loop: asyncio.AbstractEventLoop, on_closed: Callable[[], None]) -> None:
        with self._lock:
            self._watched[key] = (loop, on_closed)
            if self._thread is None:
                self._wake.clear()
                self._thread = threading.Thread(target=self._run, name="presence-loop-watcher", daemon=True)
                self._thread.start()

    def unwatch(self, key: object) -> None:
        with self._lock:
            self._watched.pop(key, None)
            if not self._watched:
                self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait(CHECK_INTERVAL)
            with self._lock:
                closed = [key for key, (loop, _) in self._watched.items() if loop.is_closed()]
                calls = [self._watched.pop(key)[1] for key in closed]
                is_done = not self._watched
                if is_done:
                    self._thread = None
            for call in calls:
                call()
            if is_done:
                return


_watcher = _Watcher()
_of_parents: list[_Watcher] = []


def watch(key: object, loop: asyncio.AbstractEventLoop, on_closed: Callable[[], None]) -> None:
    """Calls ``on_closed`` in another thread when ``loop`` was closed, unless ``key`` is unwatched before."""
    _watcher.watch(key, loop, on_closed)


def unwatch(key: object) -> None:
    """Stops watching for ``key``. Does nothing if it is not watched."""
    _watcher.unwatch(key)


def _forget_loops_of_parent() -> None:
    """A forked process has the loops of its parent, but not the threads. Releasing them would break the parent."""
    global _watcher  # noqa: PLW0603
    _of_parents.append(_watcher)
    _watcher = _Watcher()


os.register_at_fork(after_in_child=_forget_loops_of_parent)
