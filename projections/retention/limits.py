"""Which segments may be removed, and what stops the others."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.utils import timezone

from presence_events import conf, sql
from presence_events.models import Checkpoint, Hold, Segment
from presence_events.segments import holds
from presence_events.segments.periods import Period, period_of
from presence_events.segments.preparing import today
from presence_events.tail import Mark

__all__ = ["Limits", "PartPlan", "plan", "read_limits", "shown"]


class PartPlan(NamedTuple):
    """What retention would do to one part of the log.

    ``kept`` is how long its events are kept, or None for ever. ``removable`` has the segments that may go, oldest
    first. ``stopped`` is the segment after them if it is old enough, and ``obstacle`` says what stops it. Both are None
    if nothing is stopped. ``overdue`` is for how long the oldest segment has been old enough.
    """

    part: str
    kept: timedelta | None
    removable: list[Segment]
    stopped: Segment | None
    obstacle: str | None
    overdue: timedelta

    @property
    def is_overdue(self) -> bool:
        """Whether a segment is still there more than the length of a segment after it could have been removed."""
        length = timedelta(days=1) if period_of(self.part) is Period.DAY else timedelta(days=31)
        return self.overdue > length


class Limits(NamedTuple):
    """What no removal passes: holds, checkpoints and open stays."""

    holds: list[Hold]
    checkpoints: list[tuple[str, int | None]]
    """The name of each, and the position up to which its reader has read, or None if it is unreadable."""
    first_open_stay: datetime | None

    def obstacle(self, segment: Segment) -> str | None:
        """Returns what stops the removal of ``segment``, or None."""
        return next(self._obstacles(segment), None)

    def _obstacles(self, segment: Segment) -> Iterator[str]:
        for hold in self.holds:
            if hold.from_day is None or segment.end_day is None or segment.end_day > hold.from_day:
                yield f"the hold {hold.name!r}"
        if segment.last_id is None:
            return
        for name, position in self.checkpoints:
            if position is None or segment.last_id >= position:
                yield f"the checkpoint {name!r}"
        first = self.first_open_stay if segment.part == Segment.Part.STAYS else None
        if first is not None and segment.last_at is not None and segment.last_at >= first:
            yield f"a stay that is open since {shown(first, 'seconds')}"


def read_limits(using: str) -> Limits:
    """Returns the limits as they are now."""
    ((first,),) = sql.rows("projections", "queries/retention/first_open_stay", using=using)
    marks = Checkpoint.objects.using(using).order_by("name").values_list("name", "mark")
    return Limits(
        holds.in_force(using),
        [(name, _decided(mark)) for name, mark in marks],
        first,
    )


def plan(using: str) -> list[PartPlan]:
    """Returns what retention would do now, for each part. Reads small tables and changes nothing.

    The segments of a part go in their order, so one that has to stay stops all after it.
    """
    if not conf.retention():
        return [PartPlan(part, None, [], None, None, timedelta()) for part in Segment.Part.values]
    limits, day = read_limits(using), today(using)
    return [_plan_of(part, limits, day, using) for part in Segment.Part.values]


def _plan_of(part: str, limits: Limits, day: date, using: str) -> PartPlan:
    kept = conf.retention().get(part)
    if kept is None:
        return PartPlan(part, None, [], None, None, timedelta())
    end = datetime.combine(day, time()) - kept
    closed = Segment.objects.using(using).filter(part=part, state=Segment.State.CLOSED).order_by("end_day")
    ages = [(segment, end - datetime.combine(segment.end_day or date.max, time())) for segment in closed]
    old = [segment for segment, age in ages if age >= timedelta()]
    overdue = ages[0][1] if old else timedelta()
    for number, segment in enumerate(old):
        if obstacle := limits.obstacle(segment):
            return PartPlan(part, kept, old[:number], segment, obstacle, overdue)
    return PartPlan(part, kept, old, None, None, overdue)


def _decided(mark: Any) -> int | None:
    try:
        return Mark.from_json(mark).decided
    except ValueError:
        return None


def shown(moment: datetime, timespec: str = "auto") -> str:
    """Returns ``moment`` as text for operators, in the current time zone."""
    return (timezone.localtime(moment) if timezone.is_aware(moment) else moment).isoformat(" ", timespec)
