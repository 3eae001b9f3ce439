"""A report as rows: for CSV, JSON lines and text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model

from presence_events.users import display_name
from projections.attendance.figures import Attendance, Attendee

__all__ = ["Line", "lines", "names"]


class Line(NamedTuple):
    """One line of a report. Durations are in seconds. ``None`` stands for what does not apply.

    ``status`` is ``present``, ``possible`` for a person of whom it is not certain that they were there, ``missing``, or
    ``anonymous`` for all anonymous connections.
    """

    status: str
    user_id: Any
    name: str
    is_expected: bool | None
    first_in: datetime | None = None
    last_out: datetime | None = None
    last_seen: datetime | None = None
    certain: float = 0.0
    possible: float = 0.0
    stays: int = 0
    longest_absence: float = 0.0
    late: float | None = None
    left_early: float | None = None
    percent_certain: float = 0.0
    percent_possible: float = 0.0
    active: float | None = None


def lines(report: Attendance) -> Iterator[Line]:
    """Yields the people of ``report``, those who are missing, and the anonymous connections.

    Takes one query for the names.
    """
    called = names([*(attendee.user_id for attendee in report.people), *report.missing])
    for attendee in report.people:
        yield _line("present" if attendee.is_certain else "possible", called[attendee.user_id], attendee)
    for key in report.missing:
        yield Line("missing", key, called[key], is_expected=True)
    if report.anonymous is not None:
        yield _line("anonymous", _name(None, None), report.anonymous)


def names(keys: Iterable[Any]) -> dict[Any, str]:
    """Returns the names of users by key, with one query. Users who do not exist have one too: it says so."""
    wanted = list(keys)
    users = get_user_model()._base_manager.in_bulk(wanted)
    return {key: _name(key, users.get(key)) for key in wanted}


class _Named(NamedTuple):
    user_id: Any
    user: Any


def _name(key: Any, user: Any) -> str:
    return display_name(_Named(key, user))


def _line(status: str, name: str, attendee: Attendee) -> Line:
    figures = (getattr(attendee, field) for field in Line._fields[3:])
    seconds: Any = (figure.total_seconds() if isinstance(figure, timedelta) else figure for figure in figures)
    return Line(status, attendee.user_id, name, *seconds)
