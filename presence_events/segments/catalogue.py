"""Chooses the segments that a query has to read, by their figures.

PostgreSQL skips segments by itself if a query compares their positions or times with constants. This module is for
queries that compute positions as they run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import NamedTuple

from presence_events import sql

__all__ = ["Figures", "events_of", "read"]


class Figures(NamedTuple):
    """A segment of the log. Only those of a closed one are known and final."""

    part: str
    first_day: date | None
    end_day: date | None
    is_closed: bool
    events: int | None
    first_id: int | None
    last_id: int | None
    first_at: datetime | None
    last_at: datetime | None

    def is_before(self, moment: datetime) -> bool:
        """Whether all its events are certainly older than ``moment``."""
        return self.is_closed and (self.last_at is None or self.last_at < moment)

    def is_after(self, moment: datetime) -> bool:
        """Whether none of its events is older than ``moment``, with certainty."""
        return self.is_closed and (self.first_at is None or self.first_at >= moment)


def read(using: str) -> list[Figures]:
    """Returns the segments of the log, without those that retention removes or has removed."""
    return [Figures._make(row) for row in sql.rows("presence_events", "queries/segments/catalogue", using=using)]


def events_of(segments: Iterable[Figures]) -> str:
    """Returns a SELECT of the positions and times (``id``, ``at``) of the events in ``segments``.

    It has no parameters: the planner leaves out all other segments because it compares kinds and days with constants.
    """
    chosen = list(segments)
    selects = [
        f"SELECT id, at FROM presence_event WHERE {kind} AND ({days})"  # noqa: S608
        for part, kind in (("touches", "kind = 'touch'"), ("stays", "kind <> 'touch'"))
        if (days := _days(one for one in chosen if one.part == part))
    ]
    return " UNION ALL ".join(selects) or "SELECT id, at FROM presence_event WHERE false"


def _days(segments: Iterable[Figures]) -> str:
    ranges: list[tuple[str, str]] = []
    for segment in sorted(segments, key=lambda segment: segment.first_day or date.min):
        first, end = str(segment.first_day or "-infinity"), str(segment.end_day or "infinity")
        if ranges and first == ranges[-1][1]:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((first, end))
    return " OR ".join(f"day >= '{first}' AND day < '{end}'" for first, end in ranges)
