"""What stops a removal: holds, checkpoints, open stays, and the age of a segment."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from presence_events import checkpoints
from presence_events.exceptions import HoldNotChangeable
from presence_events.models import Checkpoint, Hold, PresenceEvent, Segment
from presence_events.segments import closing, holds
from presence_events.tail import Mark
from projections.models import Presence, Room
from projections.replay.repair import compare
from projections.retention import limits, removing
from tests import retention, segments
from tests.backdating import Stay, write

A_DAY = timedelta(days=1)


@pytest.fixture
def months(settings: Any) -> None:
    """Writes two stays a month from January to April 2026, in segments that are closed. Stays are kept for 60 days."""
    settings.CHANNELS_PRESENCE_RETENTION = {"stays": timedelta(days=60), "touches": timedelta(days=7)}
    firsts = [date(2026, month, 1) for month in (2, 3, 4, 5)]
    for part in ("touches", "stays"):
        segments.divide(part, *firsts)
    for month in range(1, 5):
        for day in (10, 20):
            start = retention.datetime(2026, month, day, tzinfo=retention.UTC)
            write(Stay("room", f"{month}-{day}", None, start, start + A_DAY, last_seen=start + A_DAY / 2))
    with segments.on(date(2026, 5, 1)):
        closing.close("default")


def removed_on(day: date) -> tuple[list[str], list[str]]:
    retention.remove(day)
    assert compare("default") == []
    return segments.names("stays", state="removed"), segments.names("touches", state="removed")


FIRST, FEBRUARY, MARCH, APRIL = "first", "2026_02_01", "2026_03_01", "2026_04_01"


@pytest.mark.usefixtures("months")
def test_a_segment_goes_when_its_last_day_is_older_than_the_retention() -> None:
    assert removed_on(date(2026, 2, 7)) == ([], [])
    assert removed_on(date(2026, 2, 8)) == ([], [FIRST])
    assert removed_on(date(2026, 4, 1)) == ([], [FIRST, FEBRUARY])
    assert removed_on(date(2026, 4, 2)) == ([FIRST], [FIRST, FEBRUARY])
    assert removed_on(date(2026, 6, 1)) == ([FIRST, FEBRUARY, MARCH], [FIRST, FEBRUARY, MARCH, APRIL])


@pytest.mark.usefixtures("months")
def test_a_fraction_of_a_day_keeps_the_whole_day(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(hours=1)}
    assert removed_on(date(2026, 2, 1)) == ([], [])
    assert removed_on(date(2026, 2, 2)) == ([], [FIRST])


@pytest.mark.usefixtures("months")
def test_a_hold_stops_what_it_covers() -> None:
    holds.place("case 7", date(2026, 2, 15), using="default")
    assert removed_on(date(2026, 9, 1)) == ([FIRST], [FIRST])
    with segments.on(date(2026, 9, 1)):
        for part in limits.plan("default"):
            assert part.removable == []
            assert part.obstacle == "the hold 'case 7'"
    holds.release("case 7", using="default")
    holds.place("everything", using="default")
    assert removed_on(date(2026, 9, 1)) == ([FIRST], [FIRST])
    holds.release("everything", using="default")
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY, MARCH, APRIL]


@pytest.mark.usefixtures("months")
def test_a_hold_from_the_day_after_a_segment_does_not_cover_it() -> None:
    holds.place("case", date(2026, 2, 1), using="default")
    assert removed_on(date(2026, 9, 1)) == ([FIRST], [FIRST])


@pytest.mark.usefixtures("months")
def test_a_hold_that_is_placed_during_a_run_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    move = removing.move

    def place_too(*arguments: Any) -> int:
        position = move(*arguments)
        monkeypatch.setattr(removing, "move", move)
        holds.place("late", using="default")
        return position

    monkeypatch.setattr(removing, "move", place_too)
    assert removed_on(date(2026, 9, 1)) == ([], [])
    assert retention.baseline().rooms == {}


@pytest.mark.usefixtures("months")
def test_a_hold_is_a_permanent_record() -> None:
    placed = holds.place("case", date(2026, 2, 1), using="default")
    with pytest.raises(HoldNotChangeable, match="in force already"):
        holds.place("case", using="default")
    with pytest.raises(HoldNotChangeable, match="No hold 'other'"):
        holds.release("other", using="default")
    with pytest.raises(HoldNotChangeable):
        holds.place(" ", using="default")
    holds.release("case", using="default")
    with pytest.raises(HoldNotChangeable):
        holds.release("case", using="default")
    assert holds.in_force("default") == []
    again = holds.place("case", using="default")
    assert list(Hold.objects.values_list("id", flat=True)) == [placed.id, again.id]
    found = Hold.objects.get(id=placed.id)
    assert found.released_at is not None
    assert found.released_by == found.placed_by != ""
    for change in (
        Hold.objects.filter(id=placed.id).delete,
        lambda: Hold.objects.filter(id=placed.id).update(released_at=None, released_by=None),
        lambda: Hold.objects.filter(id=again.id).update(name="another"),
        lambda: Hold.objects.filter(id=again.id).update(from_day=date(2027, 1, 1)),
        lambda: Hold.objects.filter(id=again.id).update(
            from_day=date(2027, 1, 1), released_at=found.placed_at, released_by=""
        ),
    ):
        with pytest.raises(IntegrityError, match="refused"), transaction.atomic():
            change()


@pytest.mark.usefixtures("months")
def test_the_slowest_checkpoint_stops_removals() -> None:
    february = Segment.objects.get(name="presence_event_stays_2026_02_01")
    assert february.last_id is not None
    checkpoints.reset("fast", Mark.end("default"), using="default")
    checkpoints.reset("slow", Mark.after(february.last_id, "default"), using="default")
    assert removed_on(date(2026, 9, 1))[0] == [FIRST]
    with segments.on(date(2026, 9, 1)):
        assert {part.obstacle for part in limits.plan("default")} == {"the checkpoint 'slow'"}
    checkpoints.reset("slow", Mark.after(february.last_id + 1, "default"), using="default")
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY]
    Checkpoint.objects.filter(name="slow").update(mark="nonsense")
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY]
    Checkpoint.objects.filter(name="slow").delete()
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY, MARCH]
    Checkpoint.objects.filter(name="fast").delete()
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY, MARCH, APRIL]


@pytest.mark.usefixtures("months")
def test_an_open_stay_stops_the_removal_of_stays_and_not_of_touches() -> None:
    segments.reset()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE presence_event, presence_open_stay, presence_room")
    firsts = [date(2026, month, 1) for month in (2, 3)]
    for part in ("touches", "stays"):
        segments.divide(part, *firsts)
    at = [retention.datetime(2026, month, 10, tzinfo=retention.UTC) for month in (1, 2)]
    write(Stay("room", "short", None, at[0], at[0] + A_DAY))
    write(Stay("room", "open", None, at[1] - 12 * A_DAY, None, last_seen=at[1]))
    write(Stay("room", "later", None, at[1], at[1] + A_DAY, last_seen=at[1]))
    with segments.on(date(2026, 3, 1)):
        closing.close("default")
    assert removed_on(date(2026, 9, 1)) == ([], [FIRST, FEBRUARY])
    with segments.on(date(2026, 9, 1)):
        stopped = {part.part: part.obstacle for part in limits.plan("default")}
    assert stopped["stays"] is not None
    assert stopped["stays"].startswith("a stay that is open since 2026-01-2")
    Presence.objects.leave_all("open")
    assert removed_on(date(2026, 9, 1))[0] == [FIRST, FEBRUARY]


@pytest.mark.usefixtures("months")
def test_empty_segments_go_too() -> None:
    for part in ("touches", "stays"):
        segments.divide(part, date(2026, 6, 1))
    with segments.on(date(2026, 6, 1)):
        closing.close("default")
    assert not PresenceEvent.objects.filter(day__gte=date(2026, 5, 1)).exists()
    assert len(removed_on(date(2026, 12, 1))[0]) == 5
    Room.objects.add("room", "channel")
    assert compare("default") == []


@pytest.mark.usefixtures("months")
def test_overdue_is_what_should_be_gone_for_longer_than_the_length_of_a_segment() -> None:
    holds.place("case", using="default")
    for day, overdue in ((date(2026, 4, 2), timedelta()), (date(2026, 4, 10), 8 * A_DAY)):
        with segments.on(day):
            part = next(part for part in limits.plan("default") if part.part == "stays")
        assert (part.overdue, part.is_overdue) == (overdue, False)
    with segments.on(date(2026, 5, 10)):
        assert all(part.is_overdue for part in limits.plan("default"))
