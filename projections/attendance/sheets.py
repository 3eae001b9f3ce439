"""An attendance sheet: the rows of a report with what they are about. Pages and files show sheets."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models

from projections.attendance import assembling
from projections.attendance.expected import Expected
from projections.attendance.reading import attendance, database_of
from projections.attendance.rows import Row, Status

__all__ = ["Sheet", "sheet_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Who was in ``room`` from ``start`` to ``end``.

    ``until``
        Where the figures end: ``end``, or the time of the sheet if ``end`` was in the future.
    ``position``
        The position in the log up to which the sheet is based on it.
    ``complete_from``
        The horizon, if it is in the span: of what was before, the sheet knows nothing. None if the sheet is complete.
    ``title``, ``seal``
        Of a final report: its title, and the number of the seal that covers it, if there is one.
    """

    room: str
    start: datetime
    end: datetime
    until: datetime
    position: int
    rows: tuple[Row, ...]
    complete_from: datetime | None = None
    title: str | None = None
    seal: int | None = None

    @property
    def length(self) -> timedelta:
        """The length of the time that the figures cover."""
        return self.until - self.start

    def percent(self, part: timedelta) -> float:
        """Returns ``part`` in percent of the `length`, with one decimal place."""
        return round(100 * (part / self.length), 1)

    @property
    def has_activity(self) -> bool:
        """Whether it says of someone for how long they were active."""
        return any(row.active is not None for row in self.rows)

    def count(self, *statuses: Status) -> int:
        """Returns how many rows have one of ``statuses``."""
        return sum(row.status in statuses for row in self.rows)

    @property
    def expected(self) -> int | None:
        """How many people were expected, or None if nothing says who."""
        if all(row.is_expected is None for row in self.rows):
            return None
        return sum(row.is_expected is True for row in self.rows)

    def only(self, users: Collection[str]) -> Self:
        """Returns the sheet with the rows of the users with these keys, as text, and no others."""
        return replace(self, rows=tuple(row for row in self.rows if row.user_id in users))


def sheet_of(
    room: str | models.Model,
    start: datetime,
    end: datetime,
    expected: Expected | None = None,
    *,
    activity: bool = False,
    using: Any = None,
) -> Sheet:
    """Returns the sheet of ``room`` from ``start`` to ``end``. Arguments and exceptions are those of `attendance`."""
    found = attendance(room, start, end, expected, activity=activity, using=using)
    return Sheet(
        room=found.room,
        start=found.start,
        end=found.end,
        until=found.until,
        position=found.position,
        rows=tuple(assembling.rows(found, using=database_of(room, using))),
    )
