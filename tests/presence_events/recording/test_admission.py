"""No more than so many are inside."""

from __future__ import annotations

import asyncio

import pytest

from presence_events._recording.admission import Admission


def soon() -> float:
    return asyncio.get_running_loop().time() + 30


async def test_those_outside_come_in_as_they_came() -> None:
    door = Admission(2)
    assert [door.try_enter() for _ in range(3)] == [True, True, False]
    came: list[int] = []

    async def come(number: int) -> None:
        await door.enter(soon())
        came.append(number)

    coming = [asyncio.create_task(come(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert came == []
    for _ in range(2):
        door.leave()
    assert not door.try_enter()
    await asyncio.gather(*coming[:2])
    assert came == [0, 1]
    for _ in range(2):
        door.leave()
    await asyncio.gather(*coming)
    assert came == [0, 1, 2, 3]
    assert not door.try_enter()
    door.leave()
    assert door.try_enter()


async def test_who_has_gone_away_is_passed_over() -> None:
    door = Admission(1)
    assert door.try_enter()
    with pytest.raises(TimeoutError):
        await door.enter(asyncio.get_running_loop().time())
    waiting = asyncio.create_task(door.enter(soon()))
    await asyncio.sleep(0)
    door.leave()
    await waiting
    assert not door.try_enter()


async def test_who_is_cancelled_when_just_let_in_leaves_again() -> None:
    door = Admission(1)
    assert door.try_enter()
    late = asyncio.create_task(door.enter(soon()))
    await asyncio.sleep(0)
    door.leave()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late
    assert door.try_enter()


async def test_who_was_let_in_is_not_looked_at_again() -> None:
    door = Admission(0)
    waiting = [asyncio.create_task(door.enter(soon())) for _ in range(100)]
    await asyncio.sleep(0)
    for left in range(100, 0, -1):
        assert len(door._outside) == left
        door.leave()
    await asyncio.gather(*waiting)
