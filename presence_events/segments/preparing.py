"""Creates segments ahead of need, by dividing the last segment of a part, which has no end."""

from __future__ import annotations

from datetime import date, timedelta

from presence_events import sql
from presence_events.models import Segment
from presence_events.segments import statements
from presence_events.segments.periods import divisions, period_of

__all__ = ["prepare", "today"]

MAX_SCANNED = 64 * 1024 * 1024
"""Bytes of a segment that PostgreSQL may read while appends wait for the division."""

SAFETY = timedelta(days=32)
"""How far in the future a larger segment ends.

A constraint proves before the division that it has no later events. If this process ends in between, that constraint
would refuse events from that day on, and the next run removes it.
"""


def prepare(using: str) -> list[str]:
    """Divides the last segment of each part, if it begins too soon. Returns the names of the new segments.

    Raises `OperationalError` if locks were not free in `statements.TRIES` tries; what is done then remains.
    """
    before = set(_names(using))
    for part in Segment.Part.values:
        last = Segment.objects.using(using).get(part=part, end_day=None, state=Segment.State.OPEN)
        _remove_constraint(last.name, using)
        days = divisions(period_of(part), last.first_day, today(using))
        if not days:
            continue
        ((size,),) = sql.rows("presence_events", "queries/segments/size", {"name": last.name}, using=using)
        if size > MAX_SCANNED:
            days = divisions(period_of(part), last.first_day, today(using), not_before=today(using) + SAFETY)
            _add_constraint(last.name, days[0], using)
        listed = ", ".join(f"'{day}'" for day in days)
        statements.run(f"SELECT presence_divide_segment('{part}', ARRAY[{listed}]::date[])", using=using)
    return [name for name in _names(using) if name not in before]


def today(using: str) -> date:
    """Returns the current day in UTC, by the clock of the database."""
    ((day,),) = sql.rows("presence_events", "queries/segments/today", using=using)
    return day  # type: ignore[no-any-return]


def _names(using: str) -> list[str]:
    return list(Segment.objects.using(using).values_list("name", flat=True))


def _remove_constraint(name: str, using: str) -> None:
    """Removes the constraint that an interrupted run has left, if any."""
    ((is_left,),) = sql.rows("presence_events", "queries/segments/has_constraint", {"name": name}, using=using)
    if is_left:
        statements.run(f"ALTER TABLE {name} DROP CONSTRAINT presence_ends", using=using)


def _add_constraint(name: str, day: date, using: str) -> None:
    """Proves that the segment has no events of ``day`` or later. Appends go on while PostgreSQL reads the segment."""
    check = f"ALTER TABLE {name} ADD CONSTRAINT presence_ends CHECK (day < '{day}') NOT VALID"
    statements.run(check, using=using)
    statements.run(f"ALTER TABLE {name} VALIDATE CONSTRAINT presence_ends", using=using)
