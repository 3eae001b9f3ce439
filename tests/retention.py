"""A log that retention divides: histories of several days, segments that are closed, and replays after removals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from presence_events.models import Segment
from presence_events.segments import closing
from projections.retention import removing
from projections.retention.baseline import BaselineProcess, BaselineRoom, BaselineStay
from tests import segments
from tests.fold import Lease, Row, State

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)

RETENTION = {"touches": timedelta(days=7), "stays": timedelta(days=30)}


def day(number: int) -> date:
    """Returns the day with this number, from 0 on."""
    return (START + number * DAY).date()


def at(number: float) -> datetime:
    """Returns the moment that is this many days after the start."""
    return START + number * DAY


def close_now(*parts: str) -> date:
    """Ends the current segment of each of ``parts`` with the events that it has, and returns the day of its end.

    The days of the tests are in the future: a new segment begins on each of them, and events enter it from then on.
    """
    last = Segment.objects.filter(part__in=parts or Segment.Part.values, end_day=None)
    end = max([one.first_day or datetime.now(UTC).date() for one in last]) + DAY
    for part in parts or Segment.Part.values:
        segments.divide(part, end)
    with segments.on(end):
        closing.close("default")
    return end


def remove(day: date, **options: Any) -> removing.Outcome:
    """Removes what may go on ``day``."""
    with segments.on(day):
        return removing.apply("default", **options)


def baseline() -> State:
    """Returns the rows of the baseline in the shape of `tests.fold.fold`."""
    rooms = dict(BaselineRoom.objects.values_list("channel_name", "created_at"))
    names = ["room" if name == "room_id" else name for name in Row._fields]
    rows = [Row(*values) for values in BaselineStay.objects.values_list(*names)]
    leases = {
        name: Lease(*times) for name, *times in BaselineProcess.objects.values_list("name", "started_at", "seen_at")
    }
    return State(rooms, {(row.room_id, row.channel_name): row for row in rows}, leases)


def tamper(statement: str) -> None:
    """Writes to the baseline, as only its owner can."""
    tables = ("presence_baseline", "presence_baseline_room", "presence_baseline_stay", "presence_baseline_process")
    with transaction.atomic(), connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
