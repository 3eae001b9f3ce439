"""Divides the log into ranges of positions that one query each can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db.models import Max, Min

from presence_events.models import PresenceEvent
from presence_events.segments.catalogue import MayContain
from projections.retention import baseline

__all__ = ["MAX_POSITIONS", "ReportProgress", "last_position", "position_before_first", "ranges"]

MAX_POSITIONS = 250_000
"""The most positions in one range. One range takes a fraction of a second to read, and memory for the stays in it."""

ReportProgress = Callable[[str, int, int], None]
"""Called with what is read, the number of positions that have been read, and the number of all positions to read."""


def ranges(what: str, after: int, up_to: int, report: ReportProgress | None) -> Iterator[dict[str, int]]:
    """Yields the ranges from ``after`` (excluded) to ``up_to`` (included), as parameters of the queries.

    Reports progress under the name ``what`` each time a range has been read.
    """
    for start in range(after, up_to, MAX_POSITIONS):
        end = min(start + MAX_POSITIONS, up_to)
        yield {"after": start, "up_to": end}
        if report:
            report(what, end - after, up_to - after)


def position_before_first(using: str, room: str | None, up_to: int) -> int:
    """Returns the position before the first event of the log, or of ``room``. Returns ``up_to`` if there is no event.

    With ``room``, touches do not count: a stay begins with a join. An empty ``room`` stands for the events of
    processes, which begin with a touch.
    """
    events = PresenceEvent.objects.using(using)
    if room is not None:
        events = events.filter(room=room)
    if room:
        events = events.exclude(kind="touch")
    first: int = events.aggregate(first=Min("id", default=up_to + 1))["first"]
    return first - 1


def last_position(using: str) -> int:
    """Returns the position of the last event, or that of the baseline if no later event is left. Otherwise 0."""
    events = PresenceEvent.objects.using(using).filter(MayContain("id", latest=True))
    position: int = events.aggregate(last=Max("id", default=0))["last"]
    return max(position, baseline.start(using).position)
