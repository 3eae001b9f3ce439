"""The queue of pending writes, and how batches are formed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from presence_events._recording.drafts import Selection
from presence_events._recording.write_queue import MAX_BATCH_SIZE, MIN_BATCH_SIZE, PendingWrite, WriteQueue
from presence_events.exceptions import NotRecordedInTime


def write(*keys: tuple[str | None, str], deadline: float = 0, result: Any = None) -> PendingWrite:
    return PendingWrite(Selection("SELECT", keys=keys), False, deadline, result)


def queue_of(*writes: PendingWrite) -> WriteQueue:
    queue = WriteQueue()
    for each in writes:
        queue.append(each)
    return queue


def test_writes_about_different_connections_share_a_batch() -> None:
    writes = [write(("a", "x")), write((None, "y")), write(("b", "x")), write(("a", "z"))]
    queue = queue_of(*writes)
    assert queue.next_batch() == writes
    assert queue.next_batch() == []


@pytest.mark.parametrize(
    ("first", "second"), [(("a", "x"), ("a", "x")), (("a", "x"), (None, "x")), ((None, "x"), ("a", "x"))]
)
def test_one_connection_keeps_its_order(first: Any, second: Any) -> None:
    early, late, other = write(first), write(second), write(("a", "other"))
    queue = queue_of(early, late, other)
    assert queue.next_batch() == [early, other]
    assert queue.next_batch() == [late]


def test_a_write_does_not_overtake_a_skipped_one_of_the_same_connection() -> None:
    first, skipped, behind = write(("a", "x")), write(("a", "x"), ("a", "y")), write(("a", "y"))
    queue = queue_of(first, skipped, behind)
    assert [queue.next_batch(), queue.next_batch(), queue.next_batch()] == [[first], [skipped], [behind]]


def test_a_write_about_any_connection_is_a_batch_of_its_own_and_keeps_its_place() -> None:
    early, any_connection, late = write(("a", "x")), write(), write(("a", "y"))
    queue = queue_of(early, any_connection, late)
    assert [queue.next_batch(), queue.next_batch(), queue.next_batch()] == [[early], [any_connection], [late]]


def test_a_write_about_any_connection_does_not_overtake_a_skipped_one() -> None:
    first, skipped, any_connection = write(("a", "x")), write(("a", "x")), write()
    queue = queue_of(first, skipped, any_connection)
    assert [queue.next_batch(), queue.next_batch(), queue.next_batch()] == [[first], [skipped], [any_connection]]


def test_a_batch_takes_half_of_many_pending_writes() -> None:
    queue = queue_of(*(write(("a", str(number))) for number in range(4 * MIN_BATCH_SIZE)))
    assert [len(queue.next_batch()) for _ in range(4)] == [2 * MIN_BATCH_SIZE, MIN_BATCH_SIZE, MIN_BATCH_SIZE, 0]


def test_a_batch_has_a_maximal_size() -> None:
    queue = queue_of(*(write(("a", str(number))) for number in range(3 * MAX_BATCH_SIZE)))
    assert len(queue.next_batch()) == MAX_BATCH_SIZE


def test_requeued_writes_come_first_and_in_order() -> None:
    writes = [write(("a", str(number))) for number in range(3)]
    queue = queue_of(*writes)
    queue.requeue(queue.next_batch(), RuntimeError("unavailable"))
    assert queue.next_batch() == writes


def test_a_queue_is_active_from_its_first_write_until_it_is_empty() -> None:
    queue = WriteQueue()
    assert not queue.is_active
    assert queue.append(write(("a", "x")))
    assert not queue.append(write(("a", "x")))
    assert queue.is_active
    assert [len(queue.next_batch()) for _ in range(3)] == [1, 1, 0]
    assert not queue.is_active
    assert queue.append(write(("a", "x")))


def test_a_deferred_write_alternates_with_other_batches() -> None:
    deferred, first, second = write(("a", "x")), write(("a", "y")), write(("a", "z"))
    queue = queue_of(first)
    queue.defer([deferred])
    assert queue.next_batch() == [first]
    queue.append(second)
    assert queue.next_batch() == [deferred]
    queue.defer([deferred])
    assert queue.next_batch() == [second]
    assert queue.next_batch() == [deferred]
    assert queue.next_batch() == []


def test_a_write_does_not_overtake_a_deferred_one_of_the_same_connection() -> None:
    deferred, late = write(("a", "x")), write((None, "x"))
    queue = queue_of(late)
    queue.defer([deferred])
    assert queue.next_batch() == [deferred]
    queue.defer([deferred])
    assert queue.next_batch() == [deferred]
    assert queue.next_batch() == [late]


def test_expired_writes_are_removed() -> None:
    early, late, deferred = write(deadline=1), write(deadline=3), write(deadline=2)
    queue = queue_of(early, late)
    queue.defer([deferred])
    assert queue.remove_expired(0.5) == ([], [])
    assert queue.remove_expired(2) == ([deferred, early], [])
    assert queue.next_batch() == [late]
    assert queue.remove_expired(3) == ([], [late])
    assert queue.next_batch() == []
    assert queue.remove_expired(3) == ([], [])


async def test_a_write_that_times_out_names_the_last_error_of_the_database() -> None:
    one = write(result=asyncio.get_running_loop().create_future())
    queue = queue_of(one)
    queue.requeue(queue.next_batch(), reason := RuntimeError("shutting down"))
    one.time_out()
    one.time_out()
    one.resolve([])
    with pytest.raises(NotRecordedInTime, match="shutting down") as caught:
        await one._result
    assert caught.value.__cause__ is reason


async def test_the_result_is_what_was_recorded_or_the_error() -> None:
    loop = asyncio.get_running_loop()
    good, bad = write(result=loop.create_future()), write(result=loop.create_future())
    good.resolve([1, 2])
    bad.fail(ValueError("bad"))
    assert await good._result == [1, 2]
    with pytest.raises(ValueError, match="bad"):
        await bad._result


def test_a_write_about_any_connection_does_not_wait_for_deferred_ones() -> None:
    deferred, behind, any_connection, other = write(("a", "x")), write((None, "x")), write(), write(("a", "y"))
    queue = queue_of(behind, any_connection, other)
    queue.defer([deferred])
    assert queue.next_batch() == [any_connection]
    assert queue.next_batch() == [deferred]
    queue.defer([deferred])
    assert queue.next_batch() == [other]


def test_pending_writes_are_taken_after_the_deferred_ones_have_expired() -> None:
    deferred, first, second = (
        write(("a", "x"), deadline=1),
        write(("a", "y"), deadline=9),
        write(("a", "z"), deadline=9),
    )
    queue = queue_of(first)
    queue.defer([deferred])
    assert queue.next_batch() == [first]
    assert queue.remove_expired(2) == ([deferred], [])
    queue.append(second)
    assert queue.next_batch() == [second]
