"""The rule for what receivers raise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.dispatch import Signal

from presence_events import receivers
from tests.waiting import until


class Ending(BaseException):
    """Neither an Exception nor one of the endings of Python."""


OWN = [RuntimeError("no"), asyncio.CancelledError("mine"), Ending("mine")]


def raising(error: BaseException) -> Callable[..., None]:
    def receive(**kwargs: Any) -> None:
        raise error

    return receive


def araising(error: BaseException) -> Callable[..., Any]:
    async def receive(**kwargs: Any) -> None:
        raise error

    return receive


def signal_for(*connected: Any) -> Signal:
    signal = Signal()
    for receiver in connected:
        signal.connect(receiver, weak=False)
    return signal


@pytest.mark.parametrize("error", OWN)
def test_what_a_receiver_raises_is_returned(error: BaseException) -> None:
    assert receivers.call(raising(error)) is error
    assert receivers.call(lambda: None) is None


@pytest.mark.parametrize("ending", receivers.ENDINGS)
def test_the_end_of_the_process_is_raised(ending: type[BaseException]) -> None:
    with pytest.raises(ending):
        receivers.call(raising(ending()))


def test_the_endings_can_be_others() -> None:
    assert isinstance(receivers.call(raising(SystemExit()), endings=(KeyboardInterrupt,)), SystemExit)


@pytest.mark.parametrize("error", OWN)
async def test_what_coroutines_raise_is_returned_and_all_are_awaited(error: BaseException) -> None:
    done: list[int] = []

    async def receive() -> str:
        done.append(1)
        return "ignored"

    first, second = await receivers.gather([araising(error), receive])
    assert type(first) is type(error)
    assert second is None
    assert done == [1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [raising, araising])
@pytest.mark.parametrize("is_coroutine", [False, True])
def test_all_receivers_of_a_signal_are_called_before_an_exception_is_raised(make: Any, is_coroutine: bool) -> None:
    called: list[str] = []

    def receive(**kwargs: Any) -> None:
        called.append("function")

    async def areceive(**kwargs: Any) -> None:
        called.append("coroutine")

    signal = signal_for(make(RuntimeError("no")), receive, areceive)
    send: Any = async_to_sync(receivers.asend) if is_coroutine else receivers.send
    with pytest.raises(RuntimeError, match="no"):
        send(signal, None)
    assert called == ["function", "coroutine"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [raising, araising])
@pytest.mark.parametrize("is_coroutine", [False, True])
@pytest.mark.parametrize("error", OWN[1:])
def test_what_is_no_exception_is_logged_and_not_raised(
    make: Any, is_coroutine: bool, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[Any] = []
    signal = signal_for(make(error), lambda **kwargs: called.append(kwargs["events"]))
    send: Any = async_to_sync(receivers.asend) if is_coroutine else receivers.send
    with caplog.at_level(logging.ERROR):
        send(signal, None, events=[1])
    assert called == [[1]]
    (record,) = caplog.records
    assert record.getMessage().startswith("A receiver of committed events raised ")
    assert type(error).__name__ in record.getMessage()


async def test_a_cancellation_of_the_task_cancels_its_coroutines_and_is_raised() -> None:
    ended: list[str] = []

    async def receive() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("receiver")

    task = asyncio.create_task(receivers.gather([receive]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["receiver"]


async def test_a_cancellation_while_synchronous_code_calls_a_coroutine_is_raised_after_all_calls() -> None:
    waiting: list[str] = []
    called: list[str] = []

    async def wait() -> None:
        waiting.append("yes")
        await asyncio.Event().wait()

    def call_all() -> None:
        with receivers.to_the_end() as call:
            assert call(async_to_sync(wait)) is None
            assert isinstance(call(raising(RuntimeError("no"))), RuntimeError)
            assert call(lambda: called.append("the rest")) is None

    task = asyncio.create_task(sync_to_async(call_all)())
    await until(lambda: waiting)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: called)
    assert called == ["the rest"]
