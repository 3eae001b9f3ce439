"""Pruning by age while the clock of the database is set. The tests move the monotonic clock of the worker instead."""

from __future__ import annotations

import logging
import time
from types import SimpleNamespace
from typing import Any

import pytest

from presence_events.models import PresenceEvent
from projections._worker import age_pruning, clock_watch
from projections._worker.age_pruning import AgePruning
from projections._worker.clock_watch import ClockWatch
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.leases import beat, join_leased, move_lease
from tests.projections.replay.histories import tamper
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """The monotonic clock of this process, which can be moved."""

    def __init__(self) -> None:
        self.moved = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.moved

    def database_is_set(self, seconds: float) -> None:
        """Moves both clocks apart, as if that of the database had been set by ``seconds``."""
        self.moved -= seconds

    def wait(self, seconds: float, jumps: list[ClockWatch]) -> None:
        """Lets ``seconds`` pass for the worker. ``jumps`` do not take that for a jump."""
        self.moved += seconds
        for watch in jumps:
            watch.jump()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    for module in (age_pruning, clock_watch):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=moved.monotonic))
    return moved


def channels() -> list[str]:
    return sorted(Presence.objects.values_list("channel_name", flat=True))


def test_a_clock_that_is_not_set_does_not_jump(clock: Clock) -> None:
    watch = ClockWatch("default")
    assert [watch.jump() for _ in range(3)] == [0, 0, 0]
    clock.database_is_set(clock_watch.TOLERANCE / 2)
    assert watch.jump() == 0


@pytest.mark.parametrize("seconds", [90, -3600])
def test_a_clock_that_is_set_jumps_once(seconds: float, clock: Clock) -> None:
    watch = ClockWatch("default")
    watch.jump()
    clock.database_is_set(seconds)
    assert watch.jump() == pytest.approx(seconds, abs=30)
    assert watch.jump() == 0


def test_nothing_is_pruned_by_age_until_a_maximal_age_after_the_clock_was_set_forward(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for channel in ("healthy", "silent"):
        Room.objects.add("room", channel)
    pruning = AgePruning("default")
    assert pruning.run() == 0
    clock.database_is_set(90)
    age_presences("healthy", "silent", seconds=90)
    with caplog.at_level(logging.WARNING):
        assert [pruning.run() for _ in range(3)] == [0, 0, 0]
    (record,) = caplog.records
    assert "was set forward by" in record.getMessage()
    Presence.objects.touch("healthy")
    clock.wait(61, [pruning._clock])
    assert pruning.run() == 1
    assert channels() == ["healthy"]


def test_a_presence_that_was_last_seen_in_the_future_is_pruned_if_it_is_not_touched(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for channel in ("healthy", "silent"):
        Room.objects.add("room", channel)
    pruning = AgePruning("default")
    assert pruning.run() == 0
    clock.database_is_set(-3600)
    tamper("UPDATE presence_open_stay SET touched_at = touched_at + interval '1 hour'")
    with caplog.at_level(logging.WARNING):
        assert pruning.run() == 0
    (record,) = caplog.records
    assert "was set back by" in record.getMessage()
    for _ in range(2):
        Presence.objects.touch("healthy")
        clock.wait(50, [pruning._clock])
        pruned = pruning.run()
    assert pruned == 1
    assert channels() == ["healthy"]
    event = PresenceEvent.objects.get(kind="prune")
    assert event.at == event.last_seen


def test_a_presence_that_is_touched_before_its_prune_is_kept(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interleaving: it was read as silent, and is touched before the prune locks it."""
    Room.objects.add("room", "channel")
    tamper("UPDATE presence_open_stay SET touched_at = touched_at + interval '1 hour'")
    pruning = AgePruning("default")
    pruning.run()
    clock.wait(61, [pruning._clock])
    select = age_pruning.selections.prune_untouched

    def touched_first(versions: Any) -> Any:
        Presence.objects.touch("channel")
        return select(versions)

    monkeypatch.setattr(age_pruning.selections, "prune_untouched", touched_first)
    assert pruning.run() == 0
    assert channels() == ["channel"]


@pytest.mark.parametrize("has_beats", [True, False])
def test_a_presence_on_a_lease_in_the_future_is_pruned_if_there_is_no_beat(clock: Clock, has_beats: bool) -> None:
    join_leased("one", "room", "channel")
    beat("one")
    pruning = AgePruning("default")
    assert pruning.run() == 0
    clock.database_is_set(-3600)
    move_lease("one", 3600)
    assert pruning.run() == 0
    for _ in range(2):
        if has_beats:
            beat("one")
        clock.wait(50, [pruning._clock])
        pruned = pruning.run()
    assert pruned == (0 if has_beats else 1)
    assert channels() == (["channel"] if has_beats else [])
    assert_live_is_the_fold()


def test_interleaving_a_beat_before_the_prune_of_a_presence_in_the_future_keeps_it(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    join_leased("one", "room", "channel")
    beat("one")
    move_lease("one", 3600)
    pruning = AgePruning("default")
    pruning.run()
    clock.wait(61, [pruning._clock])
    select = age_pruning.selections.prune_untouched

    def beat_first(versions: Any) -> Any:
        beat("one")
        return select(versions)

    monkeypatch.setattr(age_pruning.selections, "prune_untouched", beat_first)
    assert pruning.run() == 0
    assert channels() == ["channel"]


def test_a_join_does_not_come_before_its_room() -> None:
    """The clock was set back after the room was created."""
    Room.objects.add("room", "first")
    tamper("UPDATE presence_room SET created_at = created_at + interval '1 hour'")
    Room.objects.add("room", "second")
    created_at = Room.objects.get().created_at
    second = Presence.objects.get(channel_name="second")
    join = PresenceEvent.objects.get(channel_name="second")
    assert second.joined_at == second.last_seen == join.at == join.since == created_at
    tamper("UPDATE presence_room SET created_at = created_at - interval '1 hour'")
    Room.objects.remove("room", "second")
    assert_live_is_the_fold()
