"""The thread's half of group commit: a flush is one statement on a connection of its own, and so one transaction."""

from __future__ import annotations

from django.db import Error, connections

from presence_events._recording.statement import Row, append, append_quietly
from presence_events._recording.write_queue import PendingWrite
from presence_events.connections import make_ready

__all__ = ["LOCK_TIMEOUT", "write"]

LOCK_TIMEOUT = 0.1
"""Seconds that a flush waits for a row that somebody else is changing. After that it is halved, and each half waits
half as long, until whoever wanted that row is alone: the others do not wait for it any more."""

_CONTENTION = {"40001", "40P01", "55P03"}
"""Serialization failure, deadlock, lock not available: nobody's fault, and over sooner or later."""

_READ_ONLY = "25006"
"""What a former primary says after a failover."""


def write(
    alias: str, batch: list[PendingWrite], process: str | None = None, lock_timeout: float = LOCK_TIMEOUT
) -> Exception | None:
    """Writes ``batch``, joins on behalf of ``process``. Returns why the database is away, if it is.

    Each that was dealt with is marked as ``written`` and has its ``rows``, or its ``error``. The others may be
    written again: those that wait for a lock, and those of which nothing is known since the database went away.
    """
    error = _try(alias, batch, process, lock_timeout)
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
        lock_timeout = max(lock_timeout / 2, 0.001)
        return write(alias, batch[:middle], process, lock_timeout) or write(
            alias, batch[middle:], process, lock_timeout
        )
    batch[0].error = error
    batch[0].written = state not in _CONTENTION
    return None


def _try(alias: str, batch: list[PendingWrite], process: str | None, lock_timeout: float) -> Exception | None:
    selections = [waiting.selection for waiting in batch]
    try:
        make_ready(alias)
        if all(waiting.quiet for waiting in batch):
            _hand_out(append_quietly(selections, alias, lock_timeout=lock_timeout), batch)
        else:
            _hand_out(append(selections, alias, process=process, lock_timeout=lock_timeout), batch)
    except Exception as error:
        return error
    return None


def _is_away(alias: str, state: str | None) -> bool:
    """Whether another connection, later, may do what this one could not."""
    return state == _READ_ONLY or not connections[alias].is_usable()


def _hand_out(rows: list[Row], batch: list[PendingWrite]) -> None:
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
