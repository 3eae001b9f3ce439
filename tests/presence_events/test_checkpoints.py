"""Readers of the log, and their checkpoints."""

from __future__ import annotations

import pytest

from presence_events.checkpoints import Reader, reset
from presence_events.exceptions import CheckpointMoved, LogIsShorter
from presence_events.models import Checkpoint
from presence_events.recorder import Draft, record
from presence_events.tail import Mark

pytestmark = pytest.mark.django_db(transaction=True)


def join(*channels: str) -> list[int]:
    return [event.id for event in record([Draft("join", "room", channel) for channel in channels])]


def reader(name: str = "mine", **options: bool) -> Reader:
    return Reader(name, using="default", **options)


def read(one: Reader, limit: int = 100) -> list[int]:
    return [event.id for event in one.read(limit)]


def test_a_new_reader_begins_at_the_end_of_the_log() -> None:
    join("before")
    one = reader()
    assert read(one) == []
    one.advance()
    after = join("after")
    assert read(one) == after


def test_a_reader_reads_the_same_events_until_it_advances() -> None:
    one = reader()
    first = join("a")
    assert read(one) == first
    more = join("b")
    assert read(one) == first
    one.advance()
    assert read(one) == more


def test_part_of_what_was_read_can_count_as_read() -> None:
    one = reader()
    events = join("a", "b", "c")
    assert read(one) == events
    one.advance(events[0])
    one.store()
    assert one.has_more
    assert read(reader()) == read(one) == events[1:]


def test_a_new_reader_continues_from_the_stored_checkpoint() -> None:
    one = reader()
    first = join("a")
    read(one)
    one.advance()
    assert read(reader()) == first
    one.store()
    assert read(reader()) == []
    second = join("b")
    assert read(reader()) == second


def test_a_reader_has_more_until_it_has_read_all_that_was_in_the_log() -> None:
    one = reader()
    events = join("a", "b", "c")
    assert read(one, 2) == events[:2]
    assert one.has_more
    one.advance()
    one.store()
    again = reader()
    assert read(again, 2) == events[2:]
    assert not again.has_more


def test_the_second_of_two_readers_gets_an_error() -> None:
    one, other = reader(), reader()
    join("a")
    for each in (one, other):
        read(each)
        each.advance()
    one.store()
    before = Checkpoint.objects.get(name="mine")
    with pytest.raises(CheckpointMoved):
        other.store()
    assert Checkpoint.objects.get(name="mine").mark == before.mark


def test_checkpoints_of_other_names_are_independent() -> None:
    one, other = reader(), reader("other")
    events = join("a")
    read(one)
    one.advance()
    one.store()
    assert read(other) == events


def test_touches_with_nothing_new_can_be_left_out() -> None:
    one = reader(touches=False)
    join("a")
    record([Draft("touch", "room", "a"), Draft("touch", "room", "a", data={"status": "away"})])
    assert [event.kind for event in one.read(100)] == ["join", "touch"]


def test_a_checkpoint_can_be_reset_to_any_mark() -> None:
    events = join("a", "b")
    reset("mine", Mark.after(events[0], "default"), using="default")
    assert read(reader()) == events[1:]
    reset("mine", Mark.end("default"), using="default")
    assert read(reader()) == []
    assert str(Checkpoint.objects.get()) == "mine"


def test_in_another_cluster_a_reader_continues_after_the_decided_events() -> None:
    one = reader()
    events = join("a", "b", "c")
    read(one, 2)
    one.advance()
    one.store()
    Checkpoint.objects.update(cluster=1)
    again = reader()
    assert read(again) == events[2:]
    again.advance()
    again.store()
    assert read(reader()) == []


def test_in_another_cluster_a_log_may_have_become_shorter() -> None:
    reset("mine", Mark.after(0, "default"), using="default")
    Checkpoint.objects.update(cluster=1, mark=[[None, 10**9, []], None, 0, 0])
    with pytest.raises(LogIsShorter, match="Reset the checkpoint"):
        reader()


def test_an_idle_reader_can_check_whether_the_checkpoint_moved() -> None:
    one = reader()
    one.confirm()
    reset("mine", Mark.after(0, "default"), using="default")
    with pytest.raises(CheckpointMoved):
        one.confirm()


def test_two_readers_that_start_at_once_start_at_the_same_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reader finds the checkpoint that the first one has stored in the meantime."""
    events: list[int] = []

    def end(using: str) -> Mark:
        monkeypatch.undo()
        reader()
        events.extend(join("a"))
        return Mark.end(using)

    monkeypatch.setattr("presence_events.checkpoints.Mark", Mark)
    monkeypatch.setattr("presence_events.checkpoints.Mark.end", end)
    assert read(reader()) == events
