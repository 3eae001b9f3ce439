"""Finds the stays that another maximal age would have ended.

Such a stay has a gap: a time between two of its signs of life, or since the last one, that is longer than the age. Of
the stays of the baseline, only the last sign of life is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from presence_events.segments.catalogue import MayContain
from projections.replay.beats import Beats
from projections.replay.ranges import ReportProgress, last_position, position_before_first, ranges
from projections.replay.snapshot import snapshot
from projections.retention import baseline
from projections.retention.baseline import BaselineStay

__all__ = ["Gap", "gaps"]


class Gap(NamedTuple):
    """The first gap in a stay that is longer than another maximal age.

    That is a time without an event of the stay, and without a beat of its process if it depended on its lease.

    ``would_end_at`` is the earliest time at which that age would have ended the stay. ``broken_at`` and ``broken_by``
    are the time and kind of the event or beat that ended the gap, or None if the gap goes on. A beat is a touch.
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
    """A gap of the stay ``session`` since ``began_at``.

    ``position`` is the event of the stay that came after it, or the last one before it if the gap is open or a beat of
    its process broke it, at ``beat_at``. It is None if that event is known from the baseline only.
    """

    session: int
    began_at: datetime
    position: int | None
    beat_at: datetime | None
    is_open: bool


class _LastEvent(NamedTuple):
    """The last event of a stay in the ranges that have been read, and the process on whose lease it was then.

    For a stay of the baseline it is the last sign of life, without a position.
    """

    at: datetime
    position: int | None
    process: str | None


class _StayInRange(NamedTuple):
    """A row of ``what_if.sql``, where the columns are described."""

    session: int
    last_position: int
    has_ended: bool
    first_at: Any
    first_position: Any
    last_at: datetime
    lease_is_known: bool
    process: str | None
    gaps_began_at: list[datetime]
    gaps_ended_at: list[datetime]
    gap_positions: list[int]
    leases_are_known: list[bool]
    processes: list[str | None]


def gaps(using: str, age: float, *, room: str | None = None, report: ReportProgress | None = None) -> Iterator[Gap]:
    """Yields the first gap of each stay in the log that a maximal age of ``age`` seconds would have ended.

    Gaps come in the order of the next events of their stays; those without a next event come last. Reads one snapshot,
    and keeps only the stays that are open at the position it has reached in memory. Raises `InvalidAge`.
    """
    age = validation.age(age)
    limit = timedelta(seconds=age)
    beats = Beats(using, limit)
    reported: set[int] = set()
    with snapshot(using), connections[using].cursor() as cursor:
        sql.execute(cursor, sql.read("projections", "queries/replay/settings"))
        cursor.execute("SELECT statement_timestamp()")
        now = cursor.fetchone()[0]
        last_events = _at_the_baseline(room, using)
        end = last_position(using)
        start = max(baseline.start(using).position, position_before_first(using, room, end))
        for positions in ranges("signs of life", start, end, report):
            found = []
            beats.read(positions)
            params = {**positions, "age": age, "room": room}
            for stay in map(_StayInRange._make, sql.rows("projections", "queries/replay/what_if", params, using=using)):
                before = last_events.pop(stay.session, None)
                gap = None if stay.session in reported else _first_gap(stay, before, beats)
                if gap:
                    reported.add(stay.session)
                    found.append(gap)
                if stay.has_ended:
                    reported.discard(stay.session)
                else:
                    process = stay.process if stay.lease_is_known or before is None else before.process
                    last_events[stay.session] = _LastEvent(stay.last_at, stay.last_position, process)
            yield from _described(found, limit, using)
        still_open = []
        for session, last in last_events.items():
            silence = None if session in reported else beats.first_silence(last.process, last.at, now)
            if silence:
                is_open = silence.broken_at is None
                still_open.append(_FoundGap(session, silence.began_at, last.position, silence.broken_at, is_open))
        yield from _described(still_open, limit, using)


def _first_gap(stay: _StayInRange, before: _LastEvent | None, beats: Beats) -> _FoundGap | None:
    """Returns the first gap of ``stay`` that ends in this range. ``before`` is its last event in an earlier range."""
    process = None if before is None else before.process
    gaps = []
    if before is not None:
        gaps.append((before.at, stay.first_at, stay.first_position, process))
    rows = zip(
        stay.gaps_began_at,
        stay.gaps_ended_at,
        stay.gap_positions,
        stay.leases_are_known,
        stay.processes,
        strict=True,
    )
    gaps += [(began, ended, position, lease if known else process) for began, ended, position, known, lease in rows]
    for began_at, ended_at, position, lease in gaps:
        silence = beats.first_silence(lease, began_at, ended_at)
        if silence:
            return _FoundGap(stay.session, silence.began_at, position, silence.broken_at, is_open=False)
    return None


def _at_the_baseline(room: str | None, using: str) -> dict[int, _LastEvent]:
    """Returns when the stays of the baseline were last seen, by session."""
    rows = sql.rows("projections", "queries/replay/baseline_stays", {"room": room}, using=using)
    return {session: _LastEvent(seen, None, process) for session, seen, process in rows}


def _described(found: list[_FoundGap], limit: timedelta, using: str) -> Iterator[Gap]:
    positions = [gap.position for gap in found if gap.position is not None]
    near = MayContain("id", after=min(positions, default=1) - 1, up_to=max(positions, default=0))
    events = PresenceEvent.objects.using(using).filter(near).in_bulk(positions)
    stays = BaselineStay.objects.using(using).in_bulk([gap.session for gap in found if gap.position is None])
    for gap in sorted(found, key=lambda gap: gap.position or 0):
        event = None if gap.position is None else events[gap.position]
        stay = stays[gap.session] if event is None else event
        breaking = None if gap.beat_at or gap.is_open else event
        yield Gap(
            gap.session,
            stay.room,
            stay.channel_name,
            stay.user_id,
            stay.joined_at if isinstance(stay, BaselineStay) else stay.since,
            gap.began_at + limit,
            gap.beat_at or (None if breaking is None else breaking.at),
            "touch" if gap.beat_at else (None if breaking is None else breaking.kind),
        )
