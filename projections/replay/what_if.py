"""Finds the stays that another maximal age would have ended.

Such a stay has a gap: a time between two of its signs of life, or since the last one, that is longer than the age.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from projections.replay.ranges import ReportProgress, last_position, position_before_first, ranges
from projections.replay.snapshot import snapshot

__all__ = ["Gap", "gaps"]


class Gap(NamedTuple):
    """The first gap in a stay that is longer than another maximal age.

    ``would_end_at`` is the earliest time at which that age would have ended the stay. ``broken_at`` and ``broken_by``
    are the time and kind of the event that ended the gap, or None if the gap goes on.
    """

    session: int | None
    room: str
    channel_name: str | None
    user_id: Any
    joined_at: datetime
    would_end_at: datetime
    broken_at: datetime | None
    broken_by: str | None


class _FoundGap(NamedTuple):
    """A gap since ``began_at``. ``position`` is the event that ended it, or the last event before it if it is open."""

    began_at: datetime
    position: int
    is_open: bool


class _LastEvent(NamedTuple):
    """The last event of a stay in the ranges that have been read."""

    at: datetime
    position: int


class _StayInRange(NamedTuple):
    """A row of ``what_if.sql``, where the columns are described."""

    session: int
    last_position: int
    has_ended: bool
    first_at: Any
    first_position: Any
    last_at: datetime
    gap_began_at: Any
    gap_end_position: Any


def gaps(using: str, age: float, *, room: str | None = None, report: ReportProgress | None = None) -> Iterator[Gap]:
    """Yields the first gap of each stay in the log that a maximal age of ``age`` seconds would have ended.

    Gaps come in the order of the events that ended them; gaps that go on come last. Reads one snapshot, and keeps only
    the stays that are open at the position it has reached in memory. Raises `InvalidAge`.
    """
    age = validation.age(age)
    limit = timedelta(seconds=age)
    last_events: dict[int, _LastEvent] = {}
    reported: set[int] = set()
    with snapshot(using), connections[using].cursor() as cursor:
        sql.execute(cursor, sql.read("projections", "queries/replay/settings"))
        cursor.execute("SELECT statement_timestamp()")
        now = cursor.fetchone()[0]
        end = last_position(using)
        start = position_before_first(using, room, end)
        for positions in ranges("signs of life", start, end, report):
            found = []
            params = {**positions, "age": age, "room": room}
            for stay in map(_StayInRange._make, sql.rows("projections", "queries/replay/what_if", params, using=using)):
                gap = _first_gap(stay, last_events.pop(stay.session, None), limit)
                if gap and stay.session not in reported:
                    reported.add(stay.session)
                    found.append(gap)
                if stay.has_ended:
                    reported.discard(stay.session)
                else:
                    last_events[stay.session] = _LastEvent(stay.last_at, stay.last_position)
            yield from _described(found, limit, using)
        still_open = [
            _FoundGap(last.at, last.position, is_open=True)
            for session, last in last_events.items()
            if now - last.at > limit and session not in reported
        ]
        yield from _described(still_open, limit, using)


def _first_gap(stay: _StayInRange, before: _LastEvent | None, limit: timedelta) -> _FoundGap | None:
    """Returns the first gap of ``stay`` that ends in this range. ``before`` is its last event in an earlier range."""
    if before is not None and stay.first_at - before.at > limit:
        return _FoundGap(before.at, stay.first_position, is_open=False)
    if stay.gap_began_at is not None:
        return _FoundGap(stay.gap_began_at, stay.gap_end_position, is_open=False)
    return None


def _described(found: list[_FoundGap], limit: timedelta, using: str) -> Iterator[Gap]:
    events = PresenceEvent.objects.using(using).in_bulk([gap.position for gap in found])
    for gap in sorted(found, key=lambda gap: gap.position):
        event = events[gap.position]
        yield Gap(
            event.session,
            event.room,
            event.channel_name,
            event.user_id,
            event.since,
            gap.began_at + limit,
            None if gap.is_open else event.at,
            None if gap.is_open else event.kind,
        )
