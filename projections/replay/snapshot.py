"""Reads the database in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

__all__ = ["snapshot"]


@contextmanager
def snapshot(using: str) -> Iterator[str]:
    """Opens a read-only transaction that sees the database as it is at the beginning of the block.

    Yields the snapshot as text, for `pg_visible_in_snapshot`. Takes no lock.
    """
    connection = connections[using]
    nested = connection.in_atomic_block
    with transaction.atomic(using, durable=True), connection.cursor() as cursor:
        # Only a test case gets here inside a transaction. It is the only writer then, so any isolation level will do.
        if not nested:
            # Without the wrappers of the connection, which may put a statement in front: it has to be the first one.
            with connection.wrap_database_errors:
                cursor.cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_current_snapshot()::text")
        yield cursor.fetchone()[0]
