"""Segments of the test database: other days, and back to the state after ``migrate``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from django.db import connection, transaction

from presence_events import sql
from presence_events.models import Segment
from presence_events.segments import closing, preparing
from projections.retention import limits

_RESET = """
    SELECT set_config('presence_events.test_database', current_database(), false);
    TRUNCATE presence_event, presence_removal, presence_erasure, presence_hold;
    TRUNCATE presence_baseline, presence_baseline_room, presence_baseline_stay, presence_baseline_process;
    ALTER TABLE ONLY presence_event
        ALTER COLUMN day SET DEFAULT (pg_catalog.clock_timestamp() AT TIME ZONE 'UTC')::pg_catalog.date;
    DELETE FROM presence_segment;
    {first}
"""


def reset() -> None:
    """Empties the log, and gives it the segments that it has after ``migrate``."""
    with transaction.atomic(), connection.cursor() as cursor:
        # Also those that were detached.
        cursor.execute(
            "SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relname ~ '^presence_event_(touches|stays)_'"
        )
        for (leaf,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {leaf}")
        cursor.execute(_RESET.format(first=sql.read("presence_events", "schema/first_segments")))


def is_divided() -> bool:
    """Returns whether a worker has created segments, for example one that runs as a process of its own."""
    return Segment.objects.count() != len(Segment.Part)


def divide(part: str, *days: date) -> None:
    """Divides the last segment of ``part``, which may be of days in the past."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT presence_divide_segment(%s, %s)", [part, list(days)])


def names(part: str, **conditions: object) -> list[str]:
    """Returns the names of segments of ``part`` without the common beginning, in the order of days."""
    found = Segment.objects.filter(part=part, **conditions).values_list("name", flat=True)
    return [name.removeprefix(f"presence_event_{part}_") for name in found]


@contextmanager
def on(day: date) -> Iterator[None]:
    """Makes ``day`` today for the creation, the end and the removal of segments.

    The database goes on with its own clock: what a test records is of the real day. A test that records and then says
    which day it is uses days of the next century, so that it means the same on every day it is run.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (preparing, closing, limits):
            patch.setattr(module, "today", lambda using: day)
        yield
