"""Finding a moment in the log without an index on time: positions and times run in step."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.db import OperationalError, ProgrammingError

from presence_events import sql

__all__ = ["SLACK", "drawn_position", "position_at", "settled_position"]

SLACK = timedelta(seconds=10)
"""How far the order of times may deviate from the order of positions: the clock is read and the position drawn by one
trigger call, one right after the other, but a clock can be set back."""


def position_at(moment: datetime, *, using: str) -> int:
    """The position from which on events are no older than ``moment``, give or take `SLACK`; one past the end if there
    are none. About as many index probes as the log's length has binary digits."""
    ((position,),) = sql.rows("presence_events", "queries/positions/position_at", {"moment": moment}, using=using)
    return int(position)


def drawn_position(using: str) -> int:
    """The last position that anybody has drawn. Raises `OperationalError` on a standby, which knows neither that nor
    who is appending, and `ProgrammingError` without the right to ask."""
    ((is_standby, may_ask, position),) = sql.rows("presence_events", "queries/positions/drawn_position", using=using)
    if is_standby:
        raise OperationalError("The log is followed on the primary: a standby does not know who is appending.")
    if not may_ask:
        raise ProgrammingError("This role may not ask presence_event_id_seq how far the log is: run the GRANT files.")
    return int(position)


def settled_position(using: str, *, patience: float = 10.0) -> int:
    """A position up to which the log will not change any more: whoever drew one of those before has committed or rolled
    back. It waits for the transactions that have appended and are still open, without a lock, and raises
    `OperationalError` if some are open after ``patience`` seconds, and on a standby."""
    deadline = time.monotonic() + patience
    position = drawn_position(using)
    # Whoever appends holds this lock until the end of the transaction.
    appending = _open_appenders(using)
    while appending:
        if time.monotonic() > deadline:
            who = ", ".join("a prepared one" if pid is None else f"pid {pid}" for _, pid in appending)
            raise OperationalError(f"A transaction that has appended to the presence log stays open: {who}.")
        time.sleep(0.01)
        # One that is prepared for a commit in two phases is called something else from then on.
        appending = {each for each in _open_appenders(using) if each in appending or each[1] is None}
    return position


def _open_appenders(using: str) -> set[tuple[Any, ...]]:
    return set(sql.rows("presence_events", "queries/positions/open_appenders", using=using))
