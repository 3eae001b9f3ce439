"""Who is announced when."""

from __future__ import annotations

import asyncio

import pytest

from presence_events._recording.room_order import RoomOrder


async def test_turns_of_a_room_follow_each_other() -> None:
    turns = RoomOrder()
    first, second = turns.take({"room"}), turns.take({"room", "hall"})
    done: list[int] = []

    async def enter_second() -> None:
        async with second:
            done.append(2)

    waiting = asyncio.create_task(enter_second())
    async with first:
        await asyncio.sleep(0)
        done.append(1)
    await waiting
    assert done == [1, 2]


async def test_turns_of_different_rooms_do_not_wait() -> None:
    turns = RoomOrder()
    turns.take({"room"})
    async with turns.take({"hall"}):
        pass
    async with turns.take(set()):
        pass


async def test_a_turn_that_is_cancelled_while_it_waits_is_over() -> None:
    turns = RoomOrder()
    turns.take({"room"})
    second = turns.take({"room"})
    waiting = asyncio.create_task(second.__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with turns.take({"room"}):
        pass
    assert turns._last == {}


async def test_nothing_is_kept_of_turns_that_are_over() -> None:
    turns = RoomOrder()
    for _ in range(3):
        async with turns.take({"room", "hall"}):
            pass
    assert turns._last == {}


async def test_a_turn_does_not_wait_for_those_that_wait_for_the_one_it_is_inside_of() -> None:
    turns = RoomOrder()
    outer, later = turns.take({"room"}), turns.take({"room"})
    async with outer:
        async with asyncio.timeout(1), turns.take({"room"}, frozenset({outer})):
            assert later.waits_for(frozenset({outer}))
        last = turns.take({"room"})
    assert last.waits_for(frozenset({later}))
    async with later:
        pass
    async with last:
        pass
    assert turns._last == {}


async def test_a_turn_that_is_over_keeps_nothing_of_those_before_it() -> None:
    turns = RoomOrder()
    before = turns.take({"room"})
    for _ in range(3):
        after = turns.take({"room"})
        async with before:
            pass
        before = after
    async with before:
        pass
    assert before._before == set()
