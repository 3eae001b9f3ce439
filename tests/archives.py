"""Histories in the past for the archive, and what its files and the log contain."""

from __future__ import annotations

from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from django.db import connection

from presence_events.archive import writing
from presence_events.archive.manifests import Manifest
from presence_events.models import PresenceEvent
from tests.leases import let_pass

__all__ = ["A_DAY", "HOSTILE", "age", "archive", "files", "in_log", "one_touch_each_millisecond", "span"]

A_DAY = timedelta(days=1)

HOSTILE = [
    'a "quoted" word',
    "one\ntwo\r\nthree\rfour",
    "a,b;c\td",
    "\\",
    "\\.",
    "\\N",
    "'; DROP TABLE presence_event; --",
    "' OR 1 = 1 --",
    "$room",
    "%s %(name)s %% {} {0}",
    "\x01\x02\x07\x1b\x7f",
    "\x85\u2028\u2029\ufeff",
    "Zoë 漢字 \U0001f600",
    " ",
    "NULL",
    "null",
    "NaN",
    "true",
    "2026-03-01",
]
"""Names that only SQL can insert."""

_COLUMNS = (
    "id, kind, room, channel_name, user_id::text, session, since, last_seen, data::text, process, is_leased, capacity, "
    "is_exclusive, at, tx::text::bigint, day, commitment"
)
_TOUCHES = (
    "INSERT INTO presence_event (id, kind, room, channel_name, session, since, at, tx, day) "
    "SELECT %(first)s + i, 'touch', 'room-' || i %% 10, 'channel', i, moment, moment, '1000', %(day)s::date "
    "FROM generate_series(0, %(count)s - 1) AS i, "
    "LATERAL (SELECT %(day)s::date::timestamp AT TIME ZONE 'UTC' + i * interval '1 ms' AS moment) AS at"
)


def age(days: int = 2) -> None:
    """Moves all times back by ``days``. The days of all events are then over."""
    let_pass(days * 24 * 3600)


def span() -> tuple[date, date]:
    """Returns the day of the earliest event and the day after that of the latest one."""
    times = sorted(PresenceEvent.objects.values_list("at", flat=True))
    return times[0].astimezone(UTC).date(), times[-1].astimezone(UTC).date() + A_DAY


def archive(directory: Path) -> list[Manifest]:
    """Writes the whole log into ``directory``."""
    start, end = span()
    return writing.write(directory, using="default", start=start, end=end)


def files(directory: Path) -> list[dict[str, Any]]:
    """Returns all rows of the Parquet files, in log order, as pyarrow reads them."""
    rows = [row for path in directory.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(rows, key=lambda row: row["id"])


def in_log() -> list[dict[str, Any]]:
    """Returns all rows of the log, in its order, with data and keys as PostgreSQL writes them."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM presence_event ORDER BY id")
        return [dict(zip((column.name for column in cursor.description), row, strict=True)) for row in cursor]


def one_touch_each_millisecond(day: date, *, first: int, count: int) -> None:
    """Writes ``count`` touches from midnight on, with positions from ``first`` on. They are not a valid history."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(_TOUCHES, {"day": day, "first": first, "count": count})
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
        cursor.execute("SELECT setval('presence_event_id_seq', %s)", [first + count])
