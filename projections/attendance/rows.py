"""A row of a report: a person, with all figures; and its form as JSON, in which reports are stored.

Pages and files show rows. A report of a span that goes on has the same rows as a final one.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from django.utils.translation import gettext as _

from projections.attendance.periods import Period

__all__ = ["Row", "Status"]


class Status(StrEnum):
    """What a row stands for, in the words of `projections.attendance.table.Line`."""

    PRESENT = "present"
    POSSIBLE = "possible"
    MISSING = "missing"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a report, with the figures of `projections.attendance.figures.Attendee`.

    ``user_id`` is the key as text, or None for anonymous connections. ``name`` is None if the person was erased. Of a
    person who never came, times are None, and durations are zero. ``periods`` is when the person was there.
    """

    status: Status
    user_id: str | None
    name: str | None
    is_expected: bool | None = None
    first_in: datetime | None = None
    last_out: datetime | None = None
    last_seen: datetime | None = None
    certain: timedelta = timedelta()
    possible: timedelta = timedelta()
    stays: int = 0
    longest_absence: timedelta = timedelta()
    late: timedelta | None = None
    left_early: timedelta | None = None
    active: timedelta | None = None
    periods: tuple[Period, ...] = ()

    @property
    def shown_name(self) -> str:
        """The name, or what stands in its place."""
        return _("erased person") if self.name is None else self.name

    def as_json(self) -> dict[str, Any]:
        """Returns the row as JSON: times as ISO 8601 with an offset, durations in seconds."""
        return {field.name: _as_json(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """Returns the row that `as_json` has converted."""
        return cls(**{name: _from_json(name, value) for name, value in stored.items()})


_DURATIONS = frozenset({"certain", "possible", "longest_absence", "late", "left_early", "active"})
_TIMES = frozenset({"first_in", "last_out", "last_seen"})


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, tuple):
        return [[_as_json(part) for part in period] for period in value]
    return value


def _from_json(name: str, value: Any) -> Any:
    if name in _DURATIONS and value is not None:
        return timedelta(seconds=value)
    if name in _TIMES and value is not None:
        return datetime.fromisoformat(value)
    if name == "status":
        return Status(value)
    if name == "periods":
        return tuple(
            Period(datetime.fromisoformat(start), datetime.fromisoformat(end), certain) for start, end, certain in value
        )
    return value
