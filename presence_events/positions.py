"""Finding a moment in the log without an index on time: positions and times run in step."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connections

from presence_events import sql

__all__ = ["SLACK", "position_at"]

SLACK = timedelta(seconds=10)
"""How far the order of times may deviate from the order of positions: the clock is read and the position drawn by one
trigger call, one right after the other, but a clock can be set back."""


def position_at(moment: datetime, *, using: str) -> int:
    """The position from which on events are no older than ``moment``, give or take `SLACK`; one past the end if there
    are none. About as many index probes as the log's length has binary digits."""
    with connections[using].cursor() as cursor:
        cursor.execute(sql.read("presence_events", "position_at"), {"moment": moment})
        position: int = cursor.fetchone()[0]
    return position
