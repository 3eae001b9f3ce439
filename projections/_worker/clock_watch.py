"""Notices when the clock of the database is set, by comparing it with the monotonic clock of this process."""

from __future__ import annotations

import time
from typing import NamedTuple

from django.db import connections

__all__ = ["TOLERANCE", "ClockWatch"]

TOLERANCE = 1.0
"""Seconds by which the two clocks may drift apart between two readings, about ten seconds apart."""


class _Offset(NamedTuple):
    """Bounds of the difference between the two clocks. They are as far apart as the query took."""

    low: float
    high: float


class ClockWatch:
    """Compares the clock of the database ``using`` with the monotonic clock, from one `jump` to the next.

    A machine of the worker that was suspended looks like a clock that was set forward.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        self._before: _Offset | None = None

    def jump(self) -> float:
        """Returns by how many seconds the clock was set forward since the last call, at least; negative if set back.

        0 at the first call, and for a difference within `TOLERANCE`.
        """
        began = time.monotonic()
        seconds = self._read()
        now = _Offset(seconds - time.monotonic(), seconds - began)
        before, self._before = self._before or now, now
        forward, back = now.low - before.high, now.high - before.low
        if forward > TOLERANCE:
            return forward
        return back if back < -TOLERANCE else 0.0

    def _read(self) -> float:
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            return float(cursor.fetchone()[0])
