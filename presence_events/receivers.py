"""Calls the receivers of signals. There is one rule for all places that do.

Whatever a receiver raises is a failure of that receiver alone: the other receivers are called, and the failure is
logged. A CancelledError is a failure too, unless a task is really being cancelled. In that case the calls that are
under way end first, and then it is raised. `ENDINGS` are raised at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from django.dispatch import Signal

from presence_events import concurrency
from presence_events.concurrency import in_thread, sending_loop

__all__ = ["ENDINGS", "Call", "asend", "call", "gather", "raise_first", "send", "to_the_end"]

logger = logging.getLogger("presence_events.receivers")

ENDINGS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""They end the process or the coroutine that calls the receiver."""

Call = Callable[[], Any]
"""A receiver with its arguments."""


def call(function: Call, *, endings: tuple[type[BaseException], ...] = ENDINGS) -> BaseException | None:
    """Calls ``function``, which is synchronous. Returns what it raised, or None.

    Raises ``endings``, and CancelledError if a task is being cancelled for which this thread may be working.
    """
    try:
        function()
    except BaseException as error:
        if isinstance(error, endings) or (isinstance(error, asyncio.CancelledError) and _is_task_being_cancelled()):
            raise
        return error
    return None


@contextmanager
def to_the_end() -> Iterator[Callable[[Call], BaseException | None]]:
    """Yields a function like `call`, for several calls one after the other.

    It does not raise CancelledError: the last one is raised at the end of the block, after all calls.
    """
    cancellation: asyncio.CancelledError | None = None

    def call_or_note(function: Call) -> BaseException | None:
        nonlocal cancellation
        try:
            return call(function)
        except asyncio.CancelledError as error:
            cancellation = error
            return None

    yield call_or_note
    if cancellation is not None:
        raise cancellation


async def gather(functions: Iterable[Callable[[], Coroutine[Any, Any, Any]]]) -> list[BaseException | None]:
    """Awaits coroutine functions together. Returns what each raised, or None.

    Raises CancelledError if this task is cancelled. It cancels the coroutines then, and waits until they have ended.
    """
    results = await asyncio.gather(*(_run(function) for function in functions), return_exceptions=True)
    return [result if isinstance(result, BaseException) else None for result in results]


def send(signal: Signal, sender: Any, **arguments: Any) -> None:
    """Calls all receivers of ``signal``. Then raises the first Exception that one of them raised; logs the rest."""
    synchronous, asynchronous = _receivers(signal, sender, arguments)
    errors: list[BaseException | None] = []
    with to_the_end() as run:
        errors += [run(function) for function in synchronous]
        if asynchronous:
            errors.append(run(lambda: errors.extend(concurrency.run(gather, asynchronous))))
    raise_first(errors)


async def asend(signal: Signal, sender: Any, **arguments: Any) -> None:
    """Like `send`. Coroutine functions are awaited together."""
    synchronous, asynchronous = _receivers(signal, sender, arguments)
    errors: list[BaseException | None] = []

    def call_synchronous() -> None:
        with to_the_end() as run:
            errors.extend([run(function) for function in synchronous])

    if synchronous:
        await in_thread(call_synchronous)
    errors += await gather(asynchronous)
    raise_first(errors)


def _receivers(signal: Signal, sender: Any, arguments: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """Returns the calls of the synchronous receivers, and those of the coroutine functions."""
    synchronous, asynchronous = signal._live_receivers(sender)
    call_each = partial(map, lambda receiver: partial(receiver, signal=signal, sender=sender, **arguments))
    return list(call_each(synchronous)), list(call_each(asynchronous))


def raise_first(errors: Iterable[BaseException | None]) -> None:
    """Raises the first Exception of ``errors``. Logs those that are no Exception."""
    exceptions = []
    for error in errors:
        if isinstance(error, Exception):
            exceptions.append(error)
        elif error is not None:
            logger.error("A receiver of committed events raised %r", error, exc_info=error)
    if exceptions:
        raise exceptions[0]


async def _run(function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    await function()


def _is_task_being_cancelled() -> bool:
    """Whether a task is being cancelled for which this thread may be working.

    Code in a thread cannot know its task. While another task of the same event loop is being cancelled, every
    CancelledError counts as a real one.
    """
    loop = sending_loop()
    return loop is not None and any(task.cancelling() for task in asyncio.all_tasks(loop))
