"""Who waits for a flush, and who goes next."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from presence_events._recording.drafts import Selection
from presence_events._recording.write_queue import MAX_BATCH, MIN_BATCH, PendingWrite, WriteQueue
from presence_events.exceptions import NotRecordedInTime


def waiting(*keys: tuple[str | None, str], deadline: float = 0, answer: Any = None) -> PendingWrite:
    return PendingWrite(Selection("SELECT", {}, keys=keys), False, deadline, answer)


def line_of(*those: PendingWrite) -> WriteQueue:
    line = WriteQueue()
    for one in those:
        line.append(one)
    return line


def test_whoever_waits_about_different_connections_goes_together() -> None:
    those = [waiting(("a", "x")), waiting((None, "y")), waiting(("b", "x")), waiting(("a", "z"))]
    line = line_of(*those)
    assert line.take() == those
    assert line.take() == []


@pytest.mark.parametrize(
    ("first", "second"), [(("a", "x"), ("a", "x")), (("a", "x"), (None, "x")), ((None, "x"), ("a", "x"))]
)
def test_one_connection_keeps_its_order(first: Any, second: Any) -> None:
    early, late, other = waiting(first), waiting(second), waiting(("a", "other"))
    line = line_of(early, late, other)
    assert line.take() == [early, other]
    assert line.take() == [late]


def test_nobody_overtakes_one_of_the_same_connection_that_was_passed_over() -> None:
    first, passed_over, behind = waiting(("a", "x")), waiting(("a", "x"), ("a", "y")), waiting(("a", "y"))
    line = line_of(first, passed_over, behind)
    assert [line.take(), line.take(), line.take()] == [[first], [passed_over], [behind]]


def test_one_that_may_be_about_any_connection_goes_alone_and_in_order() -> None:
    early, any_connection, late = waiting(("a", "x")), waiting(), waiting(("a", "y"))
    line = line_of(early, any_connection, late)
    assert [line.take(), line.take(), line.take()] == [[early], [any_connection], [late]]


def test_one_that_may_be_about_any_connection_is_not_overtaken_by_what_was_passed_over() -> None:
    first, passed_over, any_connection = waiting(("a", "x")), waiting(("a", "x")), waiting()
    line = line_of(first, passed_over, any_connection)
    assert [line.take(), line.take(), line.take()] == [[first], [passed_over], [any_connection]]


def test_half_of_many_goes_so_that_the_next_half_is_ready_when_it_is_back() -> None:
    line = line_of(*(waiting(("a", str(number))) for number in range(4 * MIN_BATCH)))
    assert [len(line.take()) for _ in range(4)] == [2 * MIN_BATCH, MIN_BATCH, MIN_BATCH, 0]


def test_no_flush_is_too_large() -> None:
    line = line_of(*(waiting(("a", str(number))) for number in range(3 * MAX_BATCH)))
    assert len(line.take()) == MAX_BATCH


def test_who_is_put_back_is_first_again_and_in_order() -> None:
    those = [waiting(("a", str(number))) for number in range(3)]
    line = line_of(*those)
    line.put_back(line.take(), RuntimeError("away"))
    assert line.take() == those


def test_a_line_is_served_from_who_comes_first_until_nobody_is_left() -> None:
    line = WriteQueue()
    assert not line.served
    assert line.append(waiting(("a", "x")))
    assert not line.append(waiting(("a", "x")))
    assert line.served
    assert [len(line.take()) for _ in range(3)] == [1, 1, 0]
    assert not line.served
    assert line.append(waiting(("a", "x")))


def test_who_is_held_goes_alone_and_by_turns_with_the_others() -> None:
    held, first, second = waiting(("a", "x")), waiting(("a", "y")), waiting(("a", "z"))
    line = line_of(first)
    line.hold([held])
    assert line.take() == [first]
    line.append(second)
    assert line.take() == [held]
    line.hold([held])
    assert line.take() == [second]
    assert line.take() == [held]
    assert line.take() == []


def test_nobody_overtakes_who_is_held_about_the_same_connection() -> None:
    held, late = waiting(("a", "x")), waiting((None, "x"))
    line = line_of(late)
    line.hold([held])
    assert line.take() == [held]
    line.hold([held])
    assert line.take() == [held]
    assert line.take() == [late]


def test_those_whose_time_is_over_are_taken_out() -> None:
    early, late, held = waiting(deadline=1), waiting(deadline=3), waiting(deadline=2)
    line = line_of(early, late)
    line.hold([held])
    assert line.expire(0.5) == ([], [])
    assert line.expire(2) == ([held, early], [])
    assert line.take() == [late]
    assert line.expire(3) == ([], [late])
    assert line.take() == []
    assert line.expire(3) == ([], [])


async def test_who_is_given_up_hears_what_the_database_said_last() -> None:
    one = waiting(answer=asyncio.get_running_loop().create_future())
    line = line_of(one)
    line.put_back(line.take(), reason := RuntimeError("shutting down"))
    one.give_up()
    one.give_up()
    one.answer([])
    with pytest.raises(NotRecordedInTime, match="shutting down") as caught:
        await one._answer
    assert caught.value.__cause__ is reason


async def test_the_answer_is_what_was_recorded_or_the_error() -> None:
    loop = asyncio.get_running_loop()
    good, bad = waiting(answer=loop.create_future()), waiting(answer=loop.create_future())
    good.answer([1, 2])
    bad.fail(ValueError("bad"))
    assert await good._answer == [1, 2]
    with pytest.raises(ValueError, match="bad"):
        await bad._answer


def test_one_that_may_be_about_any_connection_does_not_wait_for_who_waits_for_a_lock() -> None:
    held, behind, any_connection, other = waiting(("a", "x")), waiting((None, "x")), waiting(), waiting(("a", "y"))
    line = line_of(behind, any_connection, other)
    line.hold([held])
    assert line.take() == [any_connection]
    assert line.take() == [held]
    line.hold([held])
    assert line.take() == [other]


def test_who_waits_is_served_after_the_held_ones_have_expired() -> None:
    held, first, second = (
        waiting(("a", "x"), deadline=1),
        waiting(("a", "y"), deadline=9),
        waiting(("a", "z"), deadline=9),
    )
    line = line_of(first)
    line.hold([held])
    assert line.take() == [first]
    assert line.expire(2) == ([held], [])
    line.append(second)
    assert line.take() == [second]
