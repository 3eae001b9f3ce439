"""Writes the batches of group commit. A batch is one statement on the connection of its thread, and one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import Error, connections

from presence_events._recording.statement import Row, append, append_quietly, is_for_another
from presence_events._recording.write_queue import PendingWrite
from presence_events.database_connections import make_ready

__all__ = ["LOCK_TIMEOUT", "write_batch"]

LOCK_TIMEOUT = 0.1
"""Seconds that a batch waits for a row that another transaction has locked.

After that the batch is halved, and each half waits half as long, until the write that needs the row is alone. The other
writes no longer wait for the row.
"""

_CONTENTION = {"40001", "40P01", "55P03"}
"""Serialization failure, deadlock, lock not available. The write is not the cause, and a retry succeeds eventually."""

_READ_ONLY = "25006"
"""Read-only transaction: the error of a former primary after a failover."""


def write_batch(
    alias: str, batch: list[PendingWrite], process: str | None = None, lock_timeout: float = LOCK_TIMEOUT
) -> Exception | None:
    """Writes ``batch`` to the database ``alias``, with joins claimed for ``process``.

    Returns None, or the error that shows that the database is unavailable.

    Each write that is finished has ``is_done`` set, and its ``rows`` or its ``error``. The others may be written again:
    they wait for a lock, or their outcome is unknown because the database became unavailable.
    """
    error = _try_write(alias, batch, process, lock_timeout)
    if error is None:
        return None
    state = getattr(error.__cause__, "sqlstate", None)
    if isinstance(error, Error) and state not in _CONTENTION and _is_unavailable(alias, state):
        connections[alias].close()
        # Their tracebacks would keep the whole batch in memory for as long as a caller holds the error.
        for each in filter(None, (error, error.__cause__, error.__context__)):
            each.__traceback__ = None
        return error
    if len(batch) > 1:
        middle = len(batch) // 2
        # Halved, or the timeouts of all locked rows would add up. To PostgreSQL, 0 means no timeout.
        lock_timeout = max(lock_timeout / 2, 0.001)
        return write_batch(alias, batch[:middle], process, lock_timeout) or write_batch(
            alias, batch[middle:], process, lock_timeout
        )
    batch[0].error = error
    batch[0].is_done = state not in _CONTENTION
    return None


def _try_write(alias: str, batch: list[PendingWrite], process: str | None, lock_timeout: float) -> Exception | None:
    selections = [write.selection for write in batch]
    try:
        make_ready(alias)
        if all(write.quiet for write in batch):
            _assign(append_quietly(selections, alias, process=process, lock_timeout=lock_timeout), batch)
        else:
            _assign(append(selections, alias, process=process, lock_timeout=lock_timeout), batch)
    except Exception as error:
        return error
    return None


def _is_unavailable(alias: str, state: str | None) -> bool:
    """Whether the same statement may succeed later, on another connection."""
    return state == _READ_ONLY or not connections[alias].is_usable()


def _assign(rows: Sequence[Row], batch: list[PendingWrite]) -> None:
    """Assigns each of ``rows`` to the write that concerns its connection."""
    if len(batch) == 1:
        batch[0].rows = list(rows)
    else:
        owners: dict[tuple[str | None, str | None], PendingWrite]
        owners = {key: write for write in batch for key in write.selection.keys}
        exclusive = {room: write for write in batch if write.selection.ends_others for room, _ in write.selection.keys}
        for row in rows:
            if exclusive and is_for_another(row):
                exclusive[row.room].rows.append(row)
            else:
                (owners.get((row.room, row.channel_name)) or owners[None, row.channel_name]).rows.append(row)
    for write in batch:
        write.error = None
        write.is_done = True
