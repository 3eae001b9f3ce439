"""Tasks that an event loop runs in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

__all__ = ["BackgroundTasks"]


class BackgroundTasks:
    """Starts tasks in the running loop. Keeps a reference to each until it is done: asyncio keeps only weak ones."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, function: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
        """Starts ``function()`` in an empty context, and returns its task."""
        task = asyncio.get_running_loop().create_task(function(), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel(self) -> None:
        """Cancels all tasks that are not done, and waits until they have ended."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
