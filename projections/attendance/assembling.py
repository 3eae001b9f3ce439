"""Makes the rows of a report from its figures: with the names of people, and the periods in which they were there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from projections.attendance.figures import Attendance, Attendee
from projections.attendance.periods import Period, periods
from projections.attendance.rows import Row, Status
from projections.attendance.table import names
from projections.sessions import PresenceSession

__all__ = ["rows"]


def rows(report: Attendance, *, using: str) -> list[Row]:
    """Returns the rows of ``report``: people as they came, then those who never came by name, then anonymous ones.

    Makes two queries, of the stays and of the names. ``using`` is the database that the report was made from.
    """
    found = _periods(report, using)
    called = names([*(attendee.user_id for attendee in report.people), *report.missing])
    present = [
        _row(Status.PRESENT if attendee.is_certain else Status.POSSIBLE, attendee, called[attendee.user_id], found)
        for attendee in report.people
    ]
    missing = [Row(Status.MISSING, str(key), called[key], is_expected=True) for key in report.missing]
    anonymous = [] if report.anonymous is None else [_row(Status.ANONYMOUS, report.anonymous, _("anonymous"), found)]
    return [*present, *sorted(missing, key=lambda row: row.shown_name.lower()), *anonymous]


def _row(status: Status, attendee: Attendee, name: str, found: dict[Any, list[Period]]) -> Row:
    return Row(
        status,
        None if attendee.user_id is None else str(attendee.user_id),
        name,
        is_expected=attendee.is_expected,
        first_in=attendee.first_in,
        last_out=attendee.last_out,
        last_seen=attendee.last_seen,
        certain=attendee.certain,
        possible=attendee.possible,
        stays=attendee.stays,
        longest_absence=attendee.longest_absence,
        late=attendee.late,
        left_early=attendee.left_early,
        active=attendee.active,
        periods=tuple(found.get(attendee.user_id, ())),
    )


def _periods(report: Attendance, using: str) -> dict[Any, list[Period]]:
    """Returns the periods of each user, and of all anonymous connections under None."""
    by_user: dict[Any, list[PresenceSession]] = {}
    for stay in _stays(report, using):
        by_user.setdefault(stay.user_id, []).append(stay)
    return {user: periods(stays, report.start, report.until) for user, stays in by_user.items()}


def _stays(report: Attendance, using: str) -> Iterator[PresenceSession]:
    stays = PresenceSession.objects.using(using).in_room(report.room).during(report.start, report.end)
    return iter(stays.order_by().only("user", "joined_at", "left_at", "last_seen", "ended_by", "reason"))
