"""When processes sent beats, in spans: inside a span, no two successive beats are further apart than an age."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from presence_events import sql

__all__ = ["Beats", "Silence"]


class Silence(NamedTuple):
    """A time without a sign of life. ``broken_at`` is the time of the beat that ended it, or None if none did."""

    began_at: datetime
    broken_at: datetime | None


class Beats:
    """The spans of all processes, for an age of ``limit``. A healthy process has one span."""

    def __init__(self, using: str, limit: timedelta) -> None:
        self._using = using
        self._limit = limit
        self._spans: dict[str, list[tuple[datetime, datetime]]] = {}

    def read(self, positions: dict[str, Any]) -> None:
        """Reads the beats in a range of the log, which follows the range before."""
        params = {**positions, "age": self._limit.total_seconds()}
        for process, first, last in sql.rows("projections", "queries/replay/beats", params, using=self._using):
            spans = self._spans.setdefault(process, [])
            if spans and first - spans[-1][1] <= self._limit:
                spans[-1] = spans[-1][0], last
            else:
                spans.append((first, last))

    def first_silence(self, process: str | None, began_at: datetime, ended_at: datetime) -> Silence | None:
        """Returns the first silence longer than the limit between two successive events of a stay on the lease of
        ``process``, or on no lease if it is None."""
        for first, last in self._spans.get(process or "", ()):
            if last <= began_at:
                continue
            if first >= ended_at:
                break
            if first - began_at > self._limit:
                return Silence(began_at, first)
            began_at = last
        return Silence(began_at, None) if ended_at - began_at > self._limit else None
