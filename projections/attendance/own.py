"""The attendance of one person: in which rooms they were, when, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from presence_events import validation
from presence_events.databases.each import on_each
from presence_events.databases.rooms import aliases, chosen_by_room
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
    or a key. Raises `InvalidUser`, and `InvalidMoment` as `PresenceSessionQuerySet.during`.
    """
    key = validation.person_key(user)
    now = datetime.now(start.tzinfo)
    found = [stay for stays in on_each(_databases(), lambda alias: _stays(key, start, end, alias)) for stay in stays]
    by_room: dict[str, list[PresenceSession]] = {}
    for stay in found:
        by_room.setdefault(stay.room, []).append(stay)
    visits = [_visit(room, stays, start, min(end, now)) for room, stays in by_room.items()]
    return sorted(visits, key=lambda visit: visit.first_in, reverse=True), len(found) <= MAX_STAYS
