"""Chooses the segments that a query has to read, by their figures.

PostgreSQL skips segments by itself if a query compares their positions or times with constants. But it has to open each
of them first, with all its indexes, and to look at its constraints. That takes longer than most queries take. It opens
only those whose kinds and days fit, so this module makes conditions on kind and day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.exceptions import SynchronousOnlyOperation
from django.db import models
from django.db.models import F

from presence_events import sql
from presence_events.segments import horizon, replicas

__all__ = ["Around", "MayContain", "around", "days", "parts"]

_PARTS = {"touches": "kind = 'touch'", "stays": "kind <> 'touch'"}
"""The parts of the log, with the condition on the kinds of their events."""

_Range = tuple[str, str]
"""Days from the first (included) to the second (excluded). In texts, ``-infinity`` comes before all days."""


class Around(NamedTuple):
    """Where the position of a moment is: not before ``low`` and not after ``high``. Either may be unknown.

    ``parts`` are conditions on the events between them, as `parts` returns them. If ``end`` is known, the positions of
    these events are lower.
    """

    low: int | None
    high: int | None
    end: int | None
    parts: list[str]


def around(moment: datetime, *, using: str) -> Around:
    """Returns where the position of ``moment`` is, by the figures of closed segments.

    What is appended after an event has a later position. So if one of the events after the moment is known, the open
    segments of later days do not matter.
    """
    ((last_older, high, later, found),) = sql.rows(
        "presence_events", "queries/segments/around", {"moment": moment}, using=using
    )
    divided = [row for row in found if row[3] is not None or later is None or row[1] <= later]
    low, end = last_older and last_older + 1, None
    if divided and all(first_id is not None for *_, first_id, _ in divided):
        low = max(low or 1, min(int(first_id) for *_, first_id, _ in divided))
        end = 1 + max(int(last_id) for *_, last_id in divided)
    return Around(low, high, end, _of_parts(row[:3] for row in divided))


def days(*, using: str, table: str = "", **limits: Any) -> str:
    """Returns a condition on the column ``day`` of ``table`` that is true for all events that `parts` would find.

    PostgreSQL looks at the same days in both parts of the log. Where one has a segment for each day, that may be some
    segments too many.
    """
    column = f"{table}.day" if table else "day"
    _, _, chosen = _chosen(using, **limits)
    return _condition(chosen, column)


def parts(*, using: str, **limits: Any) -> list[str]:
    """Returns a condition for each part of the log, on the columns ``kind`` and ``day``, for queries of their own.

    Together they are true for all events of some positions and times. They are SQL without parameters. The limits are
    those of `MayContain`.
    """
    _, _, chosen = _chosen(using, **limits)
    return _of_parts(chosen)


def _chosen(
    using: str,
    *,
    after: int | None = None,
    up_to: int | None = None,
    start: datetime | None = None,
    stop: datetime | None = None,
    latest: bool = False,
    only: str | None = None,
) -> tuple[datetime | None, datetime | None, list[Sequence[str]]]:
    """Returns the horizon of stays, up to when a replica has the log, and the segments.

    Each segment is its part, its first day and the day after its last one.
    """
    params = {"after": after, "up_to": up_to, "start": start, "stop": stop, "latest": latest, "only": only}
    ((known_from, replayed, chosen),) = sql.rows("presence_events", "queries/segments/chosen", params, using=using)
    return known_from, replayed, chosen


def _of_parts(chosen: Iterable[Sequence[str]]) -> list[str]:
    ranges: dict[str, list[_Range]] = {}
    for part, first, end in chosen:
        ranges.setdefault(part, []).append((first, end))
    return [f"{_PARTS[part]} AND ({_on_days(found, 'day')})" for part, found in sorted(ranges.items())]


def _condition(chosen: Iterable[Sequence[str]], column: str) -> str:
    return f"({_on_days([(first, end) for _, first, end in chosen], column)})"


def _on_days(ranges: Iterable[_Range], column: str) -> str:
    """Returns a condition on ``column`` for days in any of ``ranges``, with adjacent and overlapping ranges joined."""
    joined: list[_Range] = []
    for first, end in sorted(ranges):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((first, end))
    conditions = [
        " AND ".join(
            f"{column} {operator} '{day}'" for operator, day in ((">=", first), ("<", end)) if "infinity" not in day
        )
        for first, end in joined
    ]
    return "true" if "" in conditions else " OR ".join(conditions) or "false"


class MayContain(models.Expression):
    """A condition that leaves out segments, for a queryset: `days` of the table that has the field ``of``.

    It is true for all events that meet the limits, each of which may be None: positions from ``after`` (excluded) to
    ``up_to`` (included), times from ``start`` (included) on, and stays that began at ``stop`` or before. With
    ``latest``, only the last one of these positions is of interest. ``only`` is a part of the log, if the query asks
    for no other. ``unless`` is a column that makes the condition true.

    With ``complete_from``, the query raises `BeforeHorizon` if that moment is before the horizon of stays, and
    `NotYetReplicated` if it reads a replica that has not reached that moment. The statement contains the condition on
    the horizon too, for a removal that commits in between: it raises a DataError then.

    It reads the figures when the query is executed. In a thread that may not query, it excludes nothing.
    """

    output_field = models.BooleanField()
    conditional = True

    def __init__(self, of: str, *, unless: str = "", complete_from: datetime | None = None, **limits: Any) -> None:
        super().__init__(output_field=models.BooleanField())
        self._of: Any = F(of)
        self._unless = unless
        self._complete_from = complete_from
        self._limits = limits

    def get_source_expressions(self) -> list[Any]:
        return [self._of]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self._of,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        # Django decides whether to quote an alias.
        table = compiler.compile(self._of)[0].rpartition(".")[0]
        try:
            known_from, replayed, chosen = _chosen(connection.alias, **self._limits)
            condition = _condition(chosen, f"{table}.day")
        except SynchronousOnlyOperation:
            known_from, replayed, condition = None, None, "true"
        unless = f"{table}.{connection.ops.quote_name(self._unless)} OR " if self._unless else ""
        condition = f"({unless}{condition})".replace("%", "%%")
        if self._complete_from is None:
            return condition, ()
        horizon.require(self._complete_from, known_from)
        replicas.require(self._complete_from, replayed)
        return f"({condition} AND (SELECT presence_after_horizon(%s, presence_horizon('stays'))))", (
            self._complete_from,
        )
