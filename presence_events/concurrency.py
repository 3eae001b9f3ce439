"""Calls from event loops into threads and back, and maintains Django's database connections on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar
from threading import local
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import AsyncToSync, SyncToAsync, async_to_sync, sync_to_async

from presence_events.database_connections import close_old

__all__ = ["PerLoop", "before_loop_closes", "in_thread", "is_called_by_synchronous_code", "run", "sending_loop"]

_Result = TypeVar("_Result")
_Value = TypeVar("_Value")


class PerLoop(WeakKeyDictionary[asyncio.AbstractEventLoop, _Value]):
    """One value for each event loop. ``make`` makes it when it is needed first."""

    def __init__(self, make: Callable[[], _Value]) -> None:
        super().__init__()
        self._make = make

    def current(self) -> _Value:
        """Returns the value of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self:
            for closed in [other for other in self if other.is_closed()]:
                del self[closed]  # What is left of it may refer to the loop, and would keep it in memory.
            self[loop] = self._make()
        return self[loop]


def before_loop_closes(end: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[None, None]:
    """Makes the running event loop await ``end()`` before it is closed. Keep the return value until then.

    A loop is closed after its asynchronous generators are finished (`asyncio.loop.shutdown_asyncgens`), and the return
    value is one of them. ``end`` is not called if the loop is closed without that.
    """

    async def hook() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await end()

    started = hook()
    with suppress(StopIteration):
        started.asend(None).send(None)
    return started


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """Calls ``function`` in the thread where Django's ORM runs. Returns what it returns, and raises what it raises.

    Old database connections are closed before and after the call, because no request does it.
    ``channels.db.database_sync_to_async`` does the same, but would also close the connection that a ``TestCase`` uses.
    """

    def call() -> _Result:
        close_old()
        try:
            return function()
        finally:
            close_old()

    return await sync_to_async(call)()


def sending_loop() -> asyncio.AbstractEventLoop | None:
    """Returns the event loop that this thread works for, such as that of a synchronous consumer, or None."""
    sender = SyncToAsync.threadlocal
    loop: asyncio.AbstractEventLoop | None = getattr(sender, "main_event_loop", None)
    # A forked process inherits the loop of its parent, which appears to be running.
    if loop is None or getattr(sender, "main_event_loop_pid", None) != os.getpid() or not loop.is_running():
        return None
    return loop


def is_called_by_synchronous_code() -> bool:
    """Whether a thread waits for this coroutine in ``async_to_sync``. ``sync_to_async`` then runs on that thread."""
    if _waiting_thread is not None and _waiting_thread.get(None) is None:
        return False  # asgiref takes fifteen times as long to say so
    return getattr(AsyncToSync.executors, "current", None) is not None


def _variable_of(storage: object, name: str) -> ContextVar[Any] | None:
    """Returns the context variable in which ``storage``, a Local of asgiref, keeps its attribute ``name``.

    A context in which it is not set has no such attribute. Returns None if there is no such variable.
    """
    context = Context()
    context.run(setattr, storage, name, None)
    return next(iter(context)) if len(context) == 1 else None


_waiting_thread = _variable_of(AsyncToSync.executors, "current")


def run(function: Callable[..., Coroutine[Any, Any, _Result]], *args: Any) -> _Result:
    """Runs the coroutine ``function(*args)`` from synchronous code. Returns what it returns, and raises what it raises.

    It runs in the event loop that this thread works for. A thread without one keeps a loop of its own until the thread
    ends. ``async_to_sync`` would make a loop and a thread for every call, and a channel layer would open new
    connections for every loop, which costs several times as much as recording.
    """
    if sending_loop() is not None:
        return async_to_sync(function)(*args)
    if not hasattr(_of_thread, "kept"):
        _of_thread.kept = _KeptLoop()
    return _of_thread.kept.loop.run_until_complete(function(*args))  # type: ignore[no-any-return]


class _KeptLoop:
    """Closes its loop when the thread that holds it ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()


_of_thread = local()
_of_parents: list[local] = []


def _forget_loops_of_parent() -> None:
    """A forked process shares the loop of its parent. Using it, or only closing it, would break the parent."""
    global _of_thread  # noqa: PLW0603
    _of_parents.append(_of_thread)
    _of_thread = local()


os.register_at_fork(after_in_child=_forget_loops_of_parent)
