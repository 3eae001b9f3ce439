"""Background tasks."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

from projections._live.background import BackgroundTasks


async def test_a_task_is_kept_until_it_is_done_and_runs_in_an_empty_context() -> None:
    request: ContextVar[str] = ContextVar("request", default="empty")
    request.set("the caller's")
    tasks, gate = BackgroundTasks(), asyncio.Event()
    seen: list[str] = []

    async def work() -> None:
        await gate.wait()
        seen.append(request.get())

    task = tasks.start(work)
    assert len(tasks) == 1
    gate.set()
    await task
    await asyncio.sleep(0)  # lets the callbacks of the task run
    assert len(tasks) == 0
    assert seen == ["empty"]
