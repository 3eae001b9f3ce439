"""Closes segments whose days are over: they can no longer change, and their figures are known."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Q

from presence_events import sql
from presence_events.models import Segment
from presence_events.segments import statements
from presence_events.segments.preparing import today

__all__ = ["close", "condition"]


def close(using: str) -> list[str]:
    """Closes the segments whose last day is over. Returns their names.

    From then on no event can enter them, even if the clock is set back. A constraint of each segment states its
    positions and times, so the planner skips it where a query asks for others. Raises `OperationalError` if locks were
    not free in `statements.TRIES` tries; the next call continues.
    """
    segments = Segment.objects.using(using)
    is_over = Q(state=Segment.State.OPEN, end_day__lte=today(using))
    over = list(segments.filter(is_over).order_by("end_day"))
    if not over:
        return []
    last_end = segments.filter(is_over | ~Q(state=Segment.State.OPEN)).aggregate(last=Max("end_day"))["last"]
    # When the lock is free, no transaction that has appended is open. Later appends have a later day.
    first_day = sql.read("presence_events", "queries/segments/first_day")
    statements.run(first_day.format(day=last_end), using=using)
    closed = []
    for segment in over:
        ((events, *figures),) = sql.rows(
            "presence_events", "queries/segments/figures", using=using, segment=segment.name
        )
        statements.run(
            f"ALTER TABLE {segment.name} DROP CONSTRAINT IF EXISTS presence_closed",
            f"ALTER TABLE {segment.name} ADD CONSTRAINT presence_closed CHECK ({condition(*figures)}) NOT VALID",
            using=using,
        )
        statements.run(f"ALTER TABLE {segment.name} VALIDATE CONSTRAINT presence_closed", using=using)
        segment.events = events
        segment.first_id, segment.last_id, segment.first_at, segment.last_at, segment.first_since = figures
        segment.state = Segment.State.CLOSED
        segment.save(using=using)
        closed.append(segment.name)
    return closed


def condition(first_id: int | None, last_id: int | None, first_at: Any, last_at: Any, first_since: Any) -> str:
    """Returns what the constraint of a closed segment states, from its figures."""
    if first_id is None:
        return "false"
    return (
        f"id >= {first_id} AND id <= {last_id} AND at >= '{first_at.isoformat()}' AND at <= '{last_at.isoformat()}' "
        f"AND since >= '{first_since.isoformat()}'"
    )
