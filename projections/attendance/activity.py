"""For how long people were active, as their clients reported it.

A client reports its activity in the data of its connection: ``active``, ``idle`` or ``hidden``, as in rosters. A
connection that has reported something is active while its data does not say otherwise. Of a connection that never
reported, nothing is known. A person is active while any connection is. Time that is not certain is not active.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from django.db.models import F, Min, QuerySet
from django.db.models.fields.json import KeyTextTransform

from presence_events import export
from presence_events.models import PresenceEvent
from presence_events.segments import horizon
from projections.sessions import PresenceSession

__all__ = ["active_times", "is_reported"]

_ACTIVITIES = frozenset({"active", "idle", "hidden"})


class _Report(NamedTuple):
    """New data of a connection, and the activity in it, if there is one."""

    at: datetime
    activity: str | None


def is_reported(room: str, start: datetime, until: datetime, using: str) -> bool:
    """Returns whether a connection in ``room`` has joined with an activity, and `active_times` can be asked.

    This reads the joins of the room alone, and `active_times` the events of all rooms.
    """
    if horizon.is_before(start, horizon.read(using).of_events):
        return False
    stays = PresenceSession.objects.using(using).in_room(room).during(start, until)
    first = stays.order_by().aggregate(first=Min("joined_at"))["first"]
    joins = PresenceEvent.objects.using(using).filter(room=room, kind=PresenceEvent.Kind.JOIN)
    return first is not None and joins.filter(at__gte=first, at__lt=until, data__has_key="activity").exists()


def active_times(room: str, start: datetime, until: datetime, using: str) -> dict[Any, timedelta]:
    """Returns for how long each user was active in ``room`` from ``start`` to ``until``, by key.

    Users of whom no connection reported anything are left out. Reads the events of the log since the first of their
    stays began. Raises `BeforeHorizon` if ``start`` is before the horizon of touches. What was reported before the
    horizon is not known: a connection is not active then until its next report.
    """
    if not start < until:
        return {}
    known_from = horizon.read(using).of_events
    horizon.require(start, known_from)
    stays = list(PresenceSession.objects.using(using).in_room(room).during(start, until).filter(user_id__isnull=False))
    if not stays:
        return {}
    first = min(stay.joined_at for stay in stays)
    if known_from is not None and horizon.is_before(first, known_from):
        first = known_from
    reports = _reports(export.events(first, until, using=using).filter(room=room))
    periods: dict[Any, list[tuple[datetime, datetime]]] = {}
    for stay in stays:
        of_stay = reports.get(stay.session, [])
        if any(report.activity for report in of_stay):
            began, ended = max(stay.joined_at, start), min(stay.certain_until, until)
            is_known = not horizon.is_before(stay.joined_at, known_from)
            periods.setdefault(stay.user_id, []).extend(_active(of_stay, began, ended, is_active=is_known))
    return {user_id: _length(found) for user_id, found in periods.items()}


def _reports(events: QuerySet[Any]) -> dict[int, list[_Report]]:
    """Returns the data in ``events`` by stay, in log order."""
    found = (
        events.filter(kind__in=("join", "touch"), data__isnull=False)
        .annotate(activity=KeyTextTransform("activity", F("data")))
        .order_by("session", "id")
        .values_list("session", "at", "activity")
    )
    return {
        session: [_Report(at, activity if activity in _ACTIVITIES else None) for _, at, activity in rows]
        for session, rows in groupby(found, key=itemgetter(0))
    }


def _active(
    reports: Iterable[_Report], began: datetime, ended: datetime, *, is_active: bool
) -> Iterator[tuple[datetime, datetime]]:
    """Returns the periods between ``began`` and ``ended`` in which a connection was active.

    ``is_active`` is whether it was, before its first report.
    """
    since = began
    for report in reports:
        at = min(max(report.at, began), ended)
        if is_active and since < at:
            yield since, at
        since, is_active = at, report.activity in ("active", None)
    if is_active and since < ended:
        yield since, ended


def _length(periods: Iterable[tuple[datetime, datetime]]) -> timedelta:
    """Returns how long the union of ``periods`` is."""
    total, covered = timedelta(), None
    for began, ended in sorted(periods):
        since = began if covered is None else max(began, covered)
        if since < ended:
            total += ended - since
            covered = ended
    return total
