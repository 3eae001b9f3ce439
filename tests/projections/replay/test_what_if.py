"""The stays that another maximal age would have ended."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from presence_events.exceptions import InvalidAge
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay import ranges
from projections.replay.what_if import gaps
from tests.backdating import Stay, write
from tests.leases import beat, join_leased, let_pass, put_on_lease

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture(autouse=True, params=[1, 3, 1000])
def _ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap may be inside a range of the log, or go from one range to the next."""
    monkeypatch.setattr(ranges, "MAX_POSITIONS", request.param)


def test_a_gap_has_the_time_when_the_stay_would_have_ended_and_the_event_that_came_next(user: Any) -> None:
    write(
        Stay("a", "silent-then-left", user, at(0), left=at(10)),
        Stay("a", "silent-then-pruned", None, at(0), left=at(11), ended_by="prune", last_seen=at(3)),
        Stay("a", "silent-then-touched", None, at(1), left=at(12), last_seen=at(8)),
        Stay("b", "never-silent", None, at(0), left=at(6), last_seen=at(3)),
        Stay("b", "silent-still", user, at(2)),
        Stay("b", "short", user, at(4), left=at(5)),
    )
    found = [
        (each.channel_name, each.user_id, (each.would_end_at - NOON).seconds // 60, each.broken_by)
        for each in gaps("default", 300)
    ]
    assert found == [
        ("silent-then-touched", None, 6, "touch"),
        ("silent-then-left", user.pk, 5, "leave"),
        ("silent-then-pruned", None, 8, "prune"),
        ("silent-still", user.pk, 7, None),
    ]
    first = next(gaps("default", 300))
    assert (first.room, first.joined_at, first.would_end_at, first.broken_at) == ("a", at(1), at(6), at(8))
    assert first.session == PresenceEvent.objects.get(kind="join", channel_name="silent-then-touched").session
    *_, last = gaps("default", 300)
    assert last.broken_at is None


def test_a_stay_appears_once_with_its_first_gap() -> None:
    write(
        Stay("a", "1", None, at(0), left=at(20), last_seen=at(10)),
        Stay("a", "2", None, at(1), last_seen=at(10)),
        Stay("a", "3", None, at(19), left=at(19.5)),
    )
    found = list(gaps("default", 300))
    assert [(each.channel_name, each.would_end_at) for each in found] == [("1", at(5)), ("2", at(6))]


def test_an_age_that_no_stay_exceeded_gives_no_gaps() -> None:
    write(Stay("a", "1", None, at(0), left=at(10)))
    assert list(gaps("default", 600)) == []
    assert len(list(gaps("default", 599.9))) == 1
    assert list(gaps("default", 599.9, room="b")) == []
    assert len(list(gaps("default", 599.9, room="a"))) == 1


def test_a_recorded_stay_without_a_gap_does_not_appear() -> None:
    Room.objects.add("a", "1")
    Presence.objects.touch("1")
    Presence.objects.leave_all("1")
    Room.objects.prune_rooms()
    assert list(gaps("default", 60)) == []


def test_a_negative_age_is_refused() -> None:
    with pytest.raises(InvalidAge):
        next(gaps("default", -1))


def silences(age: float) -> list[tuple[str | None, float, str | None]]:
    """Returns the connection of each gap, the seconds from its join to the end it would have had, and what broke it."""
    return [
        (each.channel_name, round((each.would_end_at - each.joined_at).total_seconds(), -1), each.broken_by)
        for each in gaps("default", age)
    ]


def beats_every(seconds: float, *, times: int) -> None:
    for _ in range(times):
        let_pass(seconds)
        beat("one")


def test_a_stay_on_a_lease_has_a_gap_only_if_there_is_no_beat_either() -> None:
    join_leased("one", "a", "leased")
    Room.objects.add("a", "by-hand")
    beat("one")
    beats_every(100, times=3)
    Presence.objects.touch("by-hand")
    assert silences(150) == [("by-hand", 150, "touch")]
    assert silences(400) == []
    assert silences(50) == [("by-hand", 50, "touch"), ("leased", 50, "touch")]
    Room.objects.remove("a", "leased")
    assert silences(50) == [("by-hand", 50, "touch"), ("leased", 50, "touch")]
    assert silences(150) == [("by-hand", 150, "touch")]


def test_a_process_that_falls_silent_opens_a_gap_in_all_stays_on_its_lease() -> None:
    join_leased("one", "a", "ended", "open")
    beat("one")
    beats_every(100, times=2)
    let_pass(300)
    Room.objects.remove("a", "ended")
    assert silences(250) == [("ended", 450, "leave"), ("open", 450, None)]
    (ended, is_open) = gaps("default", 250)
    assert ended.broken_at is not None
    assert is_open.broken_at is None
    beat("one")
    assert silences(250) == [("ended", 450, "leave"), ("open", 450, "touch")]


def test_a_silence_of_the_process_before_a_stay_does_not_concern_it() -> None:
    beat("one")
    let_pass(300)
    join_leased("one", "a", "1")
    beat("one")
    beats_every(100, times=3)
    assert silences(250) == []


def test_beats_count_only_while_a_stay_is_on_the_lease() -> None:
    join_leased("one", "a", "1")
    beat("one")
    beats_every(100, times=2)
    put_on_lease("one", ("a", "1"), is_leased=False)
    beats_every(100, times=3)
    assert silences(250) == [("1", 450, None)]
    put_on_lease("one", ("a", "1"))
    beats_every(100, times=3)
    assert silences(250) == [("1", 450, "touch")]
    assert silences(350) == []
