"""Sends the signals of events in the log again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Max, Min, QuerySet

from presence_events import export, validation
from presence_events.exceptions import BeforeHorizon, InvalidMoment, InvalidPosition
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from presence_events.segments import horizon
from presence_events.segments.catalogue import MayContain
from projections._delivery import dispatch
from projections.replay.ranges import ReportProgress
from projections.signals import MAIN

__all__ = ["resend"]

BATCH_SIZE = 1000
"""The most events that are read at once."""


def resend(
    using: str,
    start: int | datetime | None,
    end: int | datetime | None,
    *,
    room: str | None = None,
    worker: str = MAIN,
    report: ReportProgress | None = None,
) -> int:
    """Sends the signals of a part of the log again, with ``replayed=True``, and returns how often a receiver raised.

    ``start`` and ``end`` are positions or moments. Both positions are included; events happened at or after the moment
    ``start`` and before the moment ``end``. None stands for the beginning of what is left, or for the end of the log
    when the call begins. The signals are those of ``worker``, of one ``room`` or of all. Receivers that raise are
    logged, and the next one is called. Group membership does not change.

    Raises `InvalidPosition` and `InvalidMoment` for a position past the end of the log, a moment in the future, and a
    start after the end. Raises `BeforeHorizon` for a position or a moment before the horizon of touches or of stays.
    Raises `OperationalError` if the end of the log is unknown, because a transaction that has appended stays open. In
    these cases no signal has been sent.
    """
    settled = settled_position(using)
    horizons = horizon.read(using)
    for bound in (start, end):
        if isinstance(bound, int) and bound <= horizons.position > 0:
            raise BeforeHorizon(bound, horizons.position + 1)
        if isinstance(bound, int) and bound > settled:
            raise InvalidPosition(f"Got {bound}, and the log ends at {settled}.")
        if isinstance(bound, datetime):
            validation.moment(bound)
            horizon.require(bound, horizons.of_events)
    if isinstance(start, int) and isinstance(end, int) and start > end:
        raise InvalidPosition(f"{start} comes after {end}.")
    if isinstance(start, datetime) and isinstance(end, datetime) and start > end:
        raise InvalidMoment(f"{start} comes after {end}.")
    events = _between(using, start, settled if end is None else end).filter(id__lte=settled)
    if room is not None:
        events = events.filter(room=room)
    return dispatch.resend(_in_batches(events, report), using, worker)


def _between(using: str, start: int | datetime | None, end: int | datetime) -> QuerySet[PresenceEvent]:
    """Returns the events between two bounds, both of which are known not to be before the horizon."""
    moments = [bound if isinstance(bound, datetime) else None for bound in (start, end)]
    events = export.events(*moments, using=using, partial=True)
    after = start - 1 if isinstance(start, int) else None
    up_to = end if isinstance(end, int) else None
    if after is not None:
        events = events.filter(id__gt=after)
    if up_to is not None:
        events = events.filter(id__lte=up_to)
    return events.filter(MayContain("id", after=after, up_to=up_to))


def _in_batches(events: QuerySet[PresenceEvent], report: ReportProgress | None) -> Iterator[PresenceEvent]:
    """Yields ``events`` without keeping a cursor open, since receivers may take long."""
    bounds = events.aggregate(first=Min("id"), last=Max("id"))
    position = 0
    while batch := list(events.filter(MayContain("id", after=position), id__gt=position).order_by("id")[:BATCH_SIZE]):
        yield from batch
        position = batch[-1].id
        if report:
            report("signals", position - bounds["first"] + 1, bounds["last"] - bounds["first"] + 1)
