"""The limit on callers with a pending write."""

from __future__ import annotations

import asyncio

import pytest

from presence_events._recording.admission import Admission


def in_half_a_minute() -> float:
    return asyncio.get_running_loop().time() + 30


async def test_waiting_callers_are_admitted_in_order() -> None:
    admission = Admission(2)
    assert [admission.try_acquire() for _ in range(3)] == [True, True, False]
    admitted: list[int] = []

    async def acquire(number: int) -> None:
        await admission.acquire(in_half_a_minute())
        admitted.append(number)

    callers = [asyncio.create_task(acquire(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert admitted == []
    for _ in range(2):
        admission.release()
    assert not admission.try_acquire()
    await asyncio.gather(*callers[:2])
    assert admitted == [0, 1]
    for _ in range(2):
        admission.release()
    await asyncio.gather(*callers)
    assert admitted == [0, 1, 2, 3]
    assert not admission.try_acquire()
    admission.release()
    assert admission.try_acquire()


async def test_a_caller_that_timed_out_is_skipped() -> None:
    admission = Admission(1)
    assert admission.try_acquire()
    with pytest.raises(TimeoutError):
        await admission.acquire(asyncio.get_running_loop().time())
    waiting = asyncio.create_task(admission.acquire(in_half_a_minute()))
    await asyncio.sleep(0)
    admission.release()
    await waiting
    assert not admission.try_acquire()


async def test_a_caller_that_is_cancelled_while_admitted_releases_its_slot() -> None:
    admission = Admission(1)
    assert admission.try_acquire()
    late = asyncio.create_task(admission.acquire(in_half_a_minute()))
    await asyncio.sleep(0)
    admission.release()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert admission.try_acquire()


async def test_an_admitted_caller_is_removed_from_the_waiting_ones() -> None:
    admission = Admission(0)
    waiting = [asyncio.create_task(admission.acquire(in_half_a_minute())) for _ in range(100)]
    await asyncio.sleep(0)
    for remaining in range(100, 0, -1):
        assert len(admission._waiting) == remaining
        admission.release()
    await asyncio.gather(*waiting)
