"""Detaches segments from the log and drops them, beside processes that append and read.

A segment that is to be removed has the state ``leaving``. Each step leaves a trace in the catalogs of PostgreSQL, so a
run that was interrupted is continued by the next one.
"""

from __future__ import annotations

import time
from enum import Enum

from django.db import OperationalError, connections
from django.db.transaction import TransactionManagementError

from presence_events import sql
from presence_events.models import Segment
from presence_events.segments import statements

__all__ = ["OLD_TRANSACTIONS_TIMEOUT", "remove_leaving"]

OLD_TRANSACTIONS_TIMEOUT = 60.0
"""Seconds to wait for transactions that can see the log as it was before the removal."""

_POLL_INTERVAL = 0.02


class _Table(Enum):
    """What PostgreSQL has of a segment."""

    ATTACHED = "attached"
    PENDING = "pending"
    """A DETACH that did not end."""
    DETACHED = "detached"
    MISSING = "missing"


def remove_leaving(using: str) -> list[str]:
    """Detaches and drops the segments whose state is ``leaving``. Returns their names.

    Takes no lock that an append waits for longer than `statements.LOCK_TIMEOUT`. Waits for the queries that read the
    segments, and first for transactions that may still read them without knowing of the removal. Raises
    `OperationalError` if one is open after `OLD_TRANSACTIONS_TIMEOUT` seconds or if locks were not free; what is done
    then remains, and the next call continues. Raises `TransactionManagementError` in a transaction.
    """
    if connections[using].in_atomic_block:
        raise TransactionManagementError("Segments cannot be removed in a transaction.")
    leaving = list(Segment.objects.using(using).filter(state=Segment.State.LEAVING))
    if leaving:
        _wait_for_old_transactions(using)
    removed = []
    for segment in leaving:
        _remove(segment, using)
        removed.append(segment.name)
    return removed


def _remove(segment: Segment, using: str) -> None:
    table = _table(segment.name, using)
    if table is _Table.ATTACHED:
        _detach(segment, using)
    elif table is _Table.PENDING:
        statements.run(
            f"ALTER TABLE presence_event_{segment.part} DETACH PARTITION {segment.name} FINALIZE", using=using
        )
    if table is not _Table.MISSING:
        statements.run(f"DROP TABLE {segment.name}", using=using)
    Segment.objects.using(using).filter(pk=segment.pk).update(state=Segment.State.REMOVED)


def _table(name: str, using: str) -> _Table:
    ((state,),) = sql.rows("presence_events", "queries/segments/table", {"name": name}, using=using)
    return _Table(state)


def _detach(segment: Segment, using: str) -> None:
    """Waits for the queries of the log that run. Those that begin meanwhile no longer see the segment."""
    connection = connections[using]
    # Without the wrappers of the connection, which may put a statement in front. It would begin a transaction.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.cursor.execute(f"ALTER TABLE presence_event_{segment.part} DETACH PARTITION {segment.name} CONCURRENTLY")


def _wait_for_old_transactions(using: str) -> None:
    """Waits for the end of transactions whose snapshot may be older than the state ``leaving``.

    DETACH waits only for transactions that have read the log. One with an older snapshot may read it later: it would
    lack the segment, and not see the horizon that says so.
    """
    deadline = time.monotonic() + OLD_TRANSACTIONS_TIMEOUT
    old = _transactions(using)
    while old:
        if time.monotonic() > deadline:
            pids = ", ".join(sorted(str(pid) for _, pid in old))
            raise OperationalError(
                f"Segments are not removed while transactions are open that can see them: pid {pids}. End these "
                "transactions, or run this again later."
            )
        # On the server, where the worker can interrupt it.
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT pg_catalog.pg_sleep(%s)", [_POLL_INTERVAL])
        old &= _transactions(using)


def _transactions(using: str) -> set[tuple[str, int]]:
    return {(xid, pid) for xid, pid in sql.rows("presence_events", "queries/segments/old_transactions", using=using)}
