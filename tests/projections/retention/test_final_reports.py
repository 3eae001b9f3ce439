"""Final reports outlive the events that they were made from."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from presence_events.models import PresenceEvent
from presence_events.segments import closing
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport
from tests import retention, segments
from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db(transaction=True)

A_DAY = timedelta(days=1)


START = datetime(2026, 1, 10, 9, tzinfo=UTC)


@pytest.fixture
def january(user: Any, other_user: Any) -> None:
    """A meeting in January, in closed segments."""
    for part in ("touches", "stays"):
        segments.divide(part, date(2026, 2, 1), date(2026, 3, 1))
    pruned = Stay("room", "two", other_user, START + A_DAY / 24, START + A_DAY / 12, "prune", START + A_DAY / 16)
    idle = [(START + A_DAY / 24, {"activity": "idle"})]
    write(Stay("room", "one", user, START, START + A_DAY / 12, data={"activity": "active"}, changes=idle), pruned)
    with segments.on(date(2026, 3, 1)):
        closing.close("default")


def report() -> dict[str, Any]:
    """Makes a report of the meeting, and returns its row in the database."""
    schedule_report("room", "Weekly", START, START + A_DAY / 8)
    make_due_reports("default")
    return AttendanceReport.objects.values().get()


def test_a_report_stays_as_it_is_when_its_segments_are_removed(january: None, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"stays": 60 * A_DAY, "touches": 60 * A_DAY}
    before = report()
    assert [row["active"] for row in before["rows"]] == [3600, None]
    retention.remove(date(2026, 4, 2))
    assert not PresenceEvent.objects.filter(room="room").exists()
    assert AttendanceReport.objects.values().get() == before


def test_without_the_touches_of_its_span_a_report_has_no_activity(january: None, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": 60 * A_DAY}
    retention.remove(date(2026, 4, 2))
    assert [(row["active"], row["certain"]) for row in report()["rows"]] == [(None, 7200), (None, 1800)]
