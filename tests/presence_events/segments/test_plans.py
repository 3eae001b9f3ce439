"""Queries about positions and times open few segments of a long log, and their answers are the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from presence_events import export
from presence_events.models import PresenceEvent, Segment
from presence_events.segments import closing
from presence_events.tail import Mark, Tail
from projections.attendance import attendance
from projections.models import PresenceSession
from projections.replay.repair import compare
from projections.status.figures import status
from tests import backdating, segments
from tests.plans import segments_in

MONTHS = 12
DAY = timedelta(days=1)


def month(number: int) -> datetime:
    return datetime(2025, number, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _year() -> None:
    """A year of stays of an hour on each fifth day, with one that goes on from March to June, and one that is open."""
    for part in ("stays", "touches"):
        segments.divide(part, *(month(number).date() for number in range(2, MONTHS + 1)))
    stays = [
        backdating.Stay("room", f"{number} {day}", None, joined, joined + DAY / 24, last_seen=joined + DAY / 48)
        for number in range(1, MONTHS + 1)
        for day in range(2, 28, 5)
        for joined in [month(number) + day * DAY]
    ]
    long = backdating.Stay("room", "long", None, month(3) + 10 * DAY, month(6) + 10 * DAY)
    still_open = backdating.Stay("room", "open", None, month(4) + 10 * DAY, last_seen=month(4) + 11 * DAY)
    backdating.write(*stays, long, still_open)
    with segments.on(month(MONTHS).date()):
        closing.close("default")
    assert Segment.objects.filter(state="closed").count() == 2 * (MONTHS - 1)


def _opened(captured: CaptureQueriesContext) -> set[str]:
    found: set[str] = set()
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            statement = query["sql"].strip()
            if "presence_" in statement and "FROM presence_segment" not in statement:
                cursor.execute(f"EXPLAIN {statement}")
                found |= segments_in("\n".join(line for (line,) in cursor.fetchall()))
    return found


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, {"stays_first"}), (4, {f"stays_2025_{number:02}_01" for number in (4, 6)}), (10, {"stays_2025_10_01"})],
)
def test_the_stays_at_a_moment_are_in_the_segments_of_their_ends(number: int, expected: set[str]) -> None:
    moment = month(number) + 12 * DAY + timedelta(minutes=10)
    with CaptureQueriesContext(connection) as captured:
        found = {stay.channel_name for stay in PresenceSession.objects.in_room("room").at(moment)}
    assert found == {f"{number} 12"} | ({"long"} if 3 <= number < 6 else set()) | ({"open"} if number >= 4 else set())
    assert _opened(captured) == expected | {"stays_2025_12_01"}


def test_the_stays_during_a_span_are_in_the_segments_of_their_ends() -> None:
    with CaptureQueriesContext(connection) as captured:
        stays = PresenceSession.objects.during(month(8), month(9))
        assert stays.count() == 7
    assert _opened(captured) == {"stays_2025_08_01", "stays_2025_12_01"}


def test_attendance_reads_the_segments_of_the_ends_of_stays() -> None:
    meeting = month(8) + 12 * DAY
    with CaptureQueriesContext(connection) as captured:
        report = attendance("room", meeting, meeting + DAY)
    assert report.anonymous is not None
    assert report.anonymous.stays == 2
    latest = {f"{part}_2025_{number}_01" for part in ("stays", "touches") for number in (11, 12)}
    assert _opened(captured) - latest == {"stays_2025_08_01"}


def test_an_exported_day_is_read_from_its_segments() -> None:
    moment = month(8) + 12 * DAY
    assert [event.kind for event in export.events(moment, moment + DAY, using="default")] == ["join", "touch", "leave"]
    with CaptureQueriesContext(connection) as captured:
        list(export.events(moment, moment + DAY, using="default"))
    assert _opened(captured) - {"stays_2025_12_01", "touches_2025_12_01"} == {"stays_2025_08_01", "touches_2025_08_01"}


def test_a_follower_at_the_end_reads_the_last_segments() -> None:
    last = PresenceEvent.objects.latest("id").id
    mark = Mark.after(last - 2, "default")
    with CaptureQueriesContext(connection) as captured:
        events, _ = Tail("default").read(mark, 10)
    assert [event.id for event in events] == [last - 1, last]
    assert _opened(captured) == {"stays_2025_12_01", "touches_2025_12_01"}


def test_a_follower_far_behind_reads_events_of_all_segments() -> None:
    mark = Mark.after(0, "default")
    events: list[PresenceEvent] = []
    while mark.window is not None:
        more, mark = Tail("default").read(mark, 7)
        events += more
    assert events == list(PresenceEvent.objects.order_by("id"))


def test_the_status_reads_the_last_segments() -> None:
    last = PresenceEvent.objects.latest("id").id
    with CaptureQueriesContext(connection) as captured:
        assert status().position == last
    assert _opened(captured) - {"stays_2025_11_01", "touches_2025_11_01"} == {"stays_2025_12_01", "touches_2025_12_01"}


def test_the_replay_finds_the_events_of_open_stays_in_earlier_segments() -> None:
    assert compare("default") == []
