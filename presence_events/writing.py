"""The thread's half of group commit: a flush is one statement on a connection of its own, and so one transaction."""

from __future__ import annotations

import time
from typing import Any

from django.db import Error, connections

from presence_events.append import Row, append, append_quietly
from presence_events.waiting import Waiting

__all__ = ["LOCK_PATIENCE", "make_ready", "release", "write"]

LOCK_PATIENCE = 0.1
"""Seconds that a flush waits for a row that somebody else is changing. After that it is halved, and each half waits
half as long, until whoever wanted that row is alone: the others do not wait for it any more."""

_CONTENTION = {"40001", "40P01", "55P03"}
"""Serialization failure, deadlock, lock not available: nobody's fault, and over sooner or later."""

_READ_ONLY = "25006"
"""What a former primary says after a failover."""


def write(
    alias: str, batch: list[Waiting], process: str | None = None, patience: float = LOCK_PATIENCE
) -> Exception | None:
    """Writes ``batch``, joins on behalf of ``process``. Returns why the database is away, if it is.

    Each that was dealt with is marked as ``written`` and has its ``rows``, or its ``error``. The others may be
    written again: those that wait for a lock, and those of which nothing is known since the database went away.
    """
    error = _try(alias, batch, process, patience)
    if error is None:
        return None
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, Error) and state not in _CONTENTION and _is_away(alias, state):
        connections[alias].close()
        # With their tracebacks errors would keep everything in the batch, for as long as somebody has them.
        for each in filter(None, (error, error.__cause__, error.__context__)):
            each.__traceback__ = None
        return error
    if len(batch) > 1:
        middle = len(batch) // 2
        # Half as long each, or it adds up with every row that is locked; 0 would be for ever.
        patience = max(patience / 2, 0.001)
        return write(alias, batch[:middle], process, patience) or write(alias, batch[middle:], process, patience)
    batch[0].error = error
    batch[0].written = state not in _CONTENTION
    return None


def _try(alias: str, batch: list[Waiting], process: str | None, patience: float) -> Exception | None:
    selections = [waiting.selection for waiting in batch]
    try:
        make_ready(alias)
        if all(waiting.quiet for waiting in batch):
            _hand_out(append_quietly(selections, alias, lock_patience=patience), batch)
        else:
            _hand_out(append(selections, alias, process=process, lock_patience=patience), batch)
    except Exception as error:
        return error
    return None


def _is_away(alias: str, state: str | None) -> bool:
    """Whether another connection, later, may do what this one could not."""
    return state == _READ_ONLY or not connections[alias].is_usable()


def _hand_out(rows: list[Row], batch: list[Waiting]) -> None:
    """To each what is about its connections."""
    if len(batch) == 1:
        batch[0].rows = rows
    else:
        owners = {key: waiting for waiting in batch for key in waiting.selection.keys}
        for row in rows:
            (owners.get((row[0], row[1])) or owners[None, row[1]]).rows.append(row)
    for waiting in batch:
        waiting.error = None
        waiting.written = True


def make_ready(alias: str) -> None:
    """There is no request whose end would close a connection that is too old."""
    connection: Any = connections[alias]
    if connection.settings_dict["CONN_MAX_AGE"] and connection.close_at and time.monotonic() >= connection.close_at:
        connection.close()
    if not connection.get_autocommit():
        connection.commit()  # what was said when it was opened
        connection.set_autocommit(True)


def release(alias: str, *, obsolete: bool = False) -> None:
    """Closes the connection, or gives it back to the pool; if ``obsolete``, only if Django finds it to be that."""
    if obsolete:
        connections[alias].close_if_unusable_or_obsolete()
    else:
        connections[alias].close()
