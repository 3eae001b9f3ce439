"""Finds positions in the log: that of a moment, the last drawn one, and one up to which the log is settled.

Positions and times increase together, so a moment is found without an index on time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, ProgrammingError

from presence_events import sql
from presence_events.segments import catalogue, horizon

__all__ = ["CLOCK_TOLERANCE", "ON_STANDBY", "drawn_position", "position_at", "settled_position"]

CLOCK_TOLERANCE = timedelta(seconds=10)
"""How far the order of times may deviate from the order of positions.

One trigger call reads the clock and draws the position, one right after the other, but a clock can be set back.
"""

ON_STANDBY = "Follow the log on the primary: a standby does not know which transactions append."
"""The error of what works on the primary only."""


def position_at(moment: datetime, *, using: str, partial: bool = False) -> int:
    """Returns the position from which on events are no older than ``moment``, within `CLOCK_TOLERANCE`.

    Returns one past the last position if there are none. Takes about as many index probes as the length of the log has
    binary digits. They read only segments that may have events on both sides of the moment. Raises `BeforeHorizon` if
    ``moment`` is before the horizon of touches or of stays. With ``partial``, the position is that of the next event
    that is left.
    """
    if not partial:
        horizon.require(moment, horizon.read(using).of_events)
    near = catalogue.around(moment, using=using)
    if not near.parts:
        return min(near.low or 1, near.high or near.low or 1)
    ((position,),) = sql.rows(
        "presence_events",
        "queries/positions/position_at",
        {"moment": moment, "high": near.high},
        using=using,
        first=f"VALUES ({near.low})" if near.low else _extreme("first", near.parts),
        last=f"VALUES ({near.end - 1})" if near.end else _extreme("last", near.parts),
        probes=" UNION ALL ".join(sql.read("presence_events", _PROBE).format(part=part) for part in near.parts),
    )
    return int(position)


_PROBE = "queries/positions/probe"


def _extreme(name: str, parts: Sequence[str]) -> str:
    """Returns a query for the ``first`` or ``last`` position in ``parts``, each of which has a plan of its own."""
    query = sql.read("presence_events", f"queries/positions/{name}")
    return " UNION ALL ".join(query.format(part=part) for part in parts)


def drawn_position(using: str) -> int:
    """Returns the last position that any transaction has drawn.

    Raises `OperationalError` on a standby, which knows neither this position nor the transactions that append. Raises
    `ProgrammingError` without the privilege to read the sequence.
    """
    ((is_standby, may_read, position),) = sql.rows("presence_events", "queries/positions/drawn_position", using=using)
    if is_standby:
        raise OperationalError(ON_STANDBY)
    if not may_read:
        raise ProgrammingError("This role has no privilege to read presence_event_id_seq. Run the GRANT files.")
    return int(position)


def settled_position(using: str, *, timeout: float = 10.0) -> int:
    """Returns a position up to which the log can no longer change.

    Every transaction that drew a position up to it has committed or rolled back. The function waits for the
    transactions that have appended and are still open, without taking a lock. Raises `OperationalError` if some are
    open after ``timeout`` seconds, and on a standby.
    """
    deadline = time.monotonic() + timeout
    position = drawn_position(using)
    # A transaction that appends holds this lock until it ends.
    appending = _open_appenders(using)
    while appending:
        if time.monotonic() > deadline:
            names = ", ".join("a prepared one" if pid is None else f"pid {pid}" for _, pid in appending)
            raise OperationalError(
                f"A transaction that has appended to the presence log stays open: {names}. End it, then try again."
            )
        time.sleep(0.01)
        # A transaction that is prepared for two-phase commit appears under another id from then on.
        appending = {each for each in _open_appenders(using) if each in appending or each[1] is None}
    return position


def _open_appenders(using: str) -> set[tuple[Any, ...]]:
    return set(sql.rows("presence_events", "queries/positions/open_appenders", using=using))
