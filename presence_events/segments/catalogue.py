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

__all__ = ["Around", "MayContain", "around", "days"]

_PARTS = {"touches": "= 'touch'", "stays": "<> 'touch'"}
"""The parts of the log, with the condition on the kinds of their events."""


class Around(NamedTuple):
    """Where the position of a moment is: not before ``low`` and not after ``high``. Either may be unknown.

    ``events`` is a condition on the events between them, or None if there are none. If ``end`` is not None, the
    positions of these events are lower.
    """

    low: int | None
    high: int | None
    end: int | None
    events: str | None


def around(moment: datetime, *, using: str) -> Around:
    """Returns where the position of ``moment`` is, by the figures of closed segments."""
    ((low, high, end, chosen),) = sql.rows(
        "presence_events", "queries/segments/around", {"moment": moment}, using=using
    )
    return Around(low, high, end, _condition(chosen, list(_PARTS), "") if chosen else None)


def days(
    *,
    using: str,
    after: int | None = None,
    up_to: int | None = None,
    start: datetime | None = None,
    stop: datetime | None = None,
    latest: bool = False,
    parts: Sequence[str] = tuple(_PARTS),
    table: str = "",
) -> str:
    """Returns a condition that is true for all events of some positions and times, and no others that it can exclude.

    It is SQL without parameters, on the columns ``kind`` and ``day`` of ``table``. The positions are those from
    ``after`` (excluded) to ``up_to`` (included). The times are those from ``start`` (included) on, of events whose stay
    began at ``stop`` or before. None leaves a side open. With ``latest``, only the last one of these positions is of interest. Events of other ``parts`` are not excluded if one part alone is
    asked for.
    """
    params = {"after": after, "up_to": up_to, "start": start, "stop": stop, "latest": latest, "parts": list(parts)}
    return _condition(sql.rows("presence_events", "queries/segments/chosen", params, using=using), parts, table)


def _condition(chosen: Iterable[Sequence[str]], parts: Sequence[str], table: str) -> str:
    prefix = f"{table}." if table else ""
    ranges: dict[str, list[tuple[str, str]]] = {part: [] for part in parts}
    for part, first, end in sorted(chosen, key=lambda row: (row[1] != "-infinity", row[1])):
        found = ranges[part]
        if found and found[-1][1] == first:
            first = found.pop()[0]
        found.append((first, end))
    conditions = {part: _on_days(found, prefix) for part, found in ranges.items()}
    if len(set(conditions.values())) == 1:
        return f"({conditions[parts[0]]})"
    return "({})".format(" OR ".join(f"{prefix}kind {_PARTS[part]} AND ({each})" for part, each in conditions.items()))


def _on_days(ranges: Iterable[tuple[str, str]], prefix: str) -> str:
    each = [
        " AND ".join(
            f"{prefix}day {operator} '{day}'" for operator, day in ((">=", first), ("<", end)) if "infinity" not in day
        )
        for first, end in ranges
    ]
    return "true" if "" in each else " OR ".join(each) or "false"


class MayContain(models.Expression):
    """A condition that leaves out segments, for a queryset: `days` of the table that has the column ``of``.

    It reads the figures when the query is executed, and excludes nothing in a thread that may not query.
    """

    output_field = models.BooleanField()
    conditional = True

    def __init__(self, of: str, *, unless: str = "", **figures: Any) -> None:
        super().__init__(output_field=models.BooleanField())
        self._of: Any = F(of)
        self._unless = unless
        self._figures = figures

    def get_source_expressions(self) -> list[Any]:
        return [self._of]

    def set_source_expressions(self, exprs: Sequence[Any]) -> None:
        (self._of,) = exprs

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        table = connection.ops.quote_name(self._of.alias)
        try:
            condition = days(using=connection.alias, table=table, **self._figures)
        except SynchronousOnlyOperation:
            condition = "true"
        unless = f"{table}.{connection.ops.quote_name(self._unless)} OR " if self._unless else ""
        return f"({unless}{condition})".replace("%", "%%"), ()
