"""Which days a segment has: one, or those of a calendar month."""

from __future__ import annotations

from datetime import date, timedelta
from enum import Enum

from presence_events import conf

__all__ = ["Period", "divisions", "period_of"]

_DAY = timedelta(days=1)

SHORT_RETENTION = timedelta(days=60)
"""Events that are kept for less than this are in segments of one day: a segment is removed as a whole."""


class Period(Enum):
    """The length of a segment. The value is how far ahead of today segments are prepared."""

    DAY = timedelta(days=10)
    MONTH = timedelta(days=62)

    def next_start(self, day: date) -> date:
        """Returns the first day after ``day`` on which a segment may begin."""
        return day + _DAY if self is Period.DAY else (day.replace(day=1) + 31 * _DAY).replace(day=1)


def period_of(part: str) -> Period:
    """Returns the length of new segments of ``part``, which depends on how long ``CHANNELS_PRESENCE_RETENTION`` keeps
    its events."""
    kept = conf.retention().get(part)
    return Period.DAY if kept is not None and kept < SHORT_RETENTION else Period.MONTH


def divisions(period: Period, last_starts: date | None, today: date, *, not_before: date | None = None) -> list[date]:
    """Returns the days at which the last segment of a part, which begins on ``last_starts``, has to be divided.

    They come after today, so the segment in which events are appended today remains one. The list is empty if segments
    are prepared far enough ahead. ``not_before`` delays the first division.
    """
    start = max(today, last_starts or today)
    if not_before is not None:
        start = max(start, not_before)
    days = []
    while start < today + period.value or start == not_before:
        start = period.next_start(start)
        days.append(start)
    return days
