"""The order in which the events of a room are announced."""

from __future__ import annotations

import asyncio

import pytest

from presence_events._recording.room_order import RoomOrder


async def test_turns_of_a_room_follow_each_other() -> None:
    order = RoomOrder()
    first, second = order.next_turn({"room"}), order.next_turn({"room", "hall"})
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
    order = RoomOrder()
    order.next_turn({"room"})
    async with order.next_turn({"hall"}):
        pass
    async with order.next_turn(set()):
        pass


async def test_a_turn_that_is_cancelled_while_it_waits_is_finished() -> None:
    order = RoomOrder()
    order.next_turn({"room"})
    second = order.next_turn({"room"})
    waiting = asyncio.create_task(second.__aenter__())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with order.next_turn({"room"}):
        pass
    assert order._latest == {}


async def test_a_turn_that_was_never_entered_can_be_finished() -> None:
    """The task that would have entered it was cancelled before it started."""
    order = RoomOrder()
    first, second = order.next_turn({"room"}), order.next_turn({"room"})
    first.finish()
    async with asyncio.timeout(60), second:
        pass
    second.finish()


async def test_finished_turns_are_dropped() -> None:
    order = RoomOrder()
    for _ in range(3):
        async with order.next_turn({"room", "hall"}):
            pass
    assert order._latest == {}


async def test_a_turn_does_not_wait_for_turns_that_wait_for_its_enclosing_turn() -> None:
    order = RoomOrder()
    outer, later = order.next_turn({"room"}), order.next_turn({"room"})
    async with outer:
        async with asyncio.timeout(1), order.next_turn({"room"}, frozenset({outer})):
            assert later.depends_on(frozenset({outer}))
        last = order.next_turn({"room"})
    assert last.depends_on(frozenset({later}))
    async with later:
        pass
    async with last:
        pass
    assert order._latest == {}


async def test_a_finished_turn_does_not_refer_to_earlier_turns() -> None:
    order = RoomOrder()
    earlier = order.next_turn({"room"})
    for _ in range(3):
        later = order.next_turn({"room"})
        async with earlier:
            pass
        earlier = later
    async with earlier:
        pass
    assert earlier._earlier == set()
