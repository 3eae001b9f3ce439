"""The attendance of one person: in which rooms they were, when, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from presence_events import validation
from presence_events.databases.each import on_each
from presence_events.databases.rooms import aliases_to_read
from presence_events.segments import horizon
from projections.attendance.periods import periods
from projections.sessions import PresenceSession, PresenceSessionQuerySet

__all__ = ["MAX_STAYS", "Visit", "own_attendance"]

MAX_STAYS = 10_000
"""Limits how many stays are read, the latest ones."""


@dataclass(frozen=True, slots=True)
class Visit:
    """The presence of a person in one room in a span: from the first arrival to the last departure.

    ``last_out`` is None if the person is still there. ``certain`` and ``possible`` are for how long they were there, at
    least and at most, with tabs merged.
    """

    room: str
    first_in: datetime
    last_out: datetime | None
    certain: timedelta
    possible: timedelta
    stays: int


def own_attendance(user: Any, start: datetime, end: datetime) -> tuple[list[Visit], bool]:
    """Returns the visits of ``user`` from ``start`` to ``end``, the latest arrival first, and whether these are all.

    They are not all if there are more than `MAX_STAYS` stays, or if retention has removed some. ``user`` is an instance
    or a key. Raises `InvalidUser` and `InvalidMoment`.
    """
    start, end = validation.span(start, end)
    until = min(end, datetime.now(UTC))
    key = validation.person_key(user)
    databases = aliases_to_read(PresenceSession)
    found = [stay for stays in on_each(databases, lambda alias: _stays(key, start, end, alias)) for stay in stays]
    by_room: dict[str, list[PresenceSession]] = {}
    for stay in found:
        by_room.setdefault(stay.room, []).append(stay)
    visits = [_visit(room, stays, start, until) for room, stays in by_room.items()]
    is_complete = len(found) <= MAX_STAYS and all(_is_known(start, alias) for alias in databases)
    return sorted(visits, key=lambda visit: visit.first_in, reverse=True), is_complete


def _is_known(start: datetime, alias: str) -> bool:
    """Returns whether the database has all stays since ``start``."""
    return not horizon.is_before(start, horizon.read(alias).stays)


def _stays(user: Any, start: datetime, end: datetime, alias: str) -> list[PresenceSession]:
    """Returns the latest stays of ``user``: one more than `MAX_STAYS` if there are more."""
    stays: PresenceSessionQuerySet = PresenceSession.objects.using(alias).of_user(user)
    return list(stays.during(start, end, partial=True).order_by("-joined_at")[: MAX_STAYS + 1])


def _visit(room: str, stays: list[PresenceSession], start: datetime, end: datetime) -> Visit:
    found = periods(stays, start, end)
    certain = sum((period.end - period.start for period in found if period.is_certain), timedelta())
    ends = [stay.left_at for stay in stays]
    return Visit(
        room,
        first_in=max(start, min(stay.joined_at for stay in stays)),
        last_out=None if None in ends else min(end, max(end for end in ends if end is not None)),
        certain=certain,
        possible=certain + sum((period.end - period.start for period in found if not period.is_certain), timedelta()),
        stays=len(stays),
    )
