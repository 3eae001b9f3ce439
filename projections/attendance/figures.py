"""The figures of an attendance report: who was in a room in a span of time, for how long, and who was not.

Some presence is certain, and some is only possible. A pruned connection was lost at some time between its last sign of
life and its prune, and an open stay may have lost its connection since its last sign of life. Time up to the last sign
of life is certain, the rest is possible. A leave that the connection made itself is a sign of life. One with a reason
was made by others, so it says no more than a prune.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from presence_events import validation

__all__ = ["Attendance", "Attendee"]


@dataclass(frozen=True, slots=True)
class Attendee:
    """What is known of one person in a span. All times are cut to the span, and all tabs of the person are merged.

    ``user_id``
        The key of the user, also if the user has been deleted. None for the line of all anonymous connections.
    ``first_in``, ``last_out``
        When the person came and went. ``last_out`` is None if the person was still present at the end of the report.
        Both include presence that is only possible.
    ``last_seen``
        The last time at which the person was certainly there, or None if it is not certain that they were there at all.
    ``certain``, ``possible``
        For how long the person was present: at least, and at most.
    ``stays``
        How many stays are counted. Three tabs are three stays.
    ``longest_absence``
        The longest time between ``first_in`` and ``last_out`` without any connection, or zero.
    ``late``, ``left_early``
        How long after the start the person came, and how long before the end of the report they went. None if they were
        there at the start, or at the end.
    ``percent_certain``, ``percent_possible``
        ``certain`` and ``possible`` in percent of the time that the report covers.
    ``is_expected``
        Whether the person was expected, or None if the report has no list of expected people.
    ``active``
        For how long the person was active, within ``certain``. None if their clients reported no activity, or if the
        report was made without it.
    """

    user_id: Any
    first_in: datetime
    last_out: datetime | None
    last_seen: datetime | None
    certain: timedelta
    possible: timedelta
    stays: int
    longest_absence: timedelta
    late: timedelta | None
    left_early: timedelta | None
    percent_certain: float
    percent_possible: float
    is_expected: bool | None = None
    active: timedelta | None = None

    @property
    def is_certain(self) -> bool:
        """Whether the person was certainly there at some time of the span."""
        return self.last_seen is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """Who was in ``room`` from ``start`` (included) to ``end`` (excluded).

    ``until``
        Where the figures end: ``end``, or the time of the report if ``end`` was in the future.
    ``position``
        The last position of the log when the report was made. It includes all events up to there that were committed,
        and perhaps later ones.
    ``complete_from``
        The horizon of stays, or None if no segment was removed. ``start`` is not before it.
    ``is_known``
        Whether the room exists, or ever had an event that is still in the log.
    ``people``
        Everyone with an account who was there, certainly or possibly, in the order of ``first_in``.
    ``anonymous``
        All anonymous connections as one line, as if they were the tabs of one person, or None if there were none.
    ``expected``
        How many people were expected, or None without a list.
    ``missing``
        The keys of expected users who were not there at any time, in the order of the list.
    """

    room: str
    start: datetime
    end: datetime
    until: datetime
    position: int
    complete_from: datetime | None
    is_known: bool
    people: tuple[Attendee, ...]
    anonymous: Attendee | None
    expected: int | None = None
    missing: tuple[Any, ...] = ()

    def of(self, user: Any) -> Attendee | None:
        """Returns the figures of ``user``, an instance or a key, or None if that person was not there at any time.

        Raises `InvalidUser` for a value that cannot be a key, and for an unsaved or anonymous user.
        """
        key = validation.person_key(user)
        return next((attendee for attendee in self.people if attendee.user_id == key), None)
