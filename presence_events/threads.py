"""Synchronous code on behalf of coroutines, with Django's connections in order."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TypeVar

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import connections

__all__ = ["in_thread", "sending_loop"]

_Result = TypeVar("_Result")


async def in_thread(function: Callable[[], _Result]) -> _Result:
    """What ``function`` returns or raises, in the thread that Django's ORM is used in.

    There is no request whose beginning and end would close connections that are broken or too old. As
    ``channels.db.database_sync_to_async``, but that would close the connection that a ``TestCase`` is using.
    """

    def run() -> _Result:
        _close_old_connections()
        try:
            return function()
        finally:
            _close_old_connections()

    return await sync_to_async(run)()


def sending_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop on whose behalf this thread works, such as that of a synchronous consumer, if there is one."""
    sender = SyncToAsync.threadlocal
    loop: asyncio.AbstractEventLoop | None = getattr(sender, "main_event_loop", None)
    # A forked process has that of its parent, which looks as if it were running.
    if loop is None or getattr(sender, "main_event_loop_pid", None) != os.getpid() or not loop.is_running():
        return None
    return loop


def _close_old_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
