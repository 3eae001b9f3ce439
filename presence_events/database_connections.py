"""Maintains Django's database connections in threads that serve no request.

Django opens a connection for each thread and closes it when a request ends. The threads of this library serve no
request, so they check, release and drop their connections here.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from django.db import connections
from psycopg.pq import TransactionStatus

__all__ = [
    "close_old",
    "drop_all",
    "drop_broken",
    "drop_open_transactions",
    "make_ready",
    "release",
]

_IDLE = (TransactionStatus.IDLE, TransactionStatus.UNKNOWN)


def make_ready(alias: str) -> None:
    """Prepares the connection of this thread for one statement in autocommit mode.

    Closes a connection that is older than ``CONN_MAX_AGE``; the next query opens another.
    """
    connection: Any = connections[alias]
    if connection.settings_dict["CONN_MAX_AGE"] and connection.close_at and time.monotonic() >= connection.close_at:
        connection.close()
    if not connection.get_autocommit():
        connection.commit()  # ends the transaction in which the connection was configured
        connection.set_autocommit(True)


def release(alias: str, *, obsolete: bool = False) -> None:
    """Closes the connection of this thread, or returns it to the pool.

    With ``obsolete``, only if Django finds it unusable or too old.
    """
    if obsolete:
        connections[alias].close_if_unusable_or_obsolete()
    else:
        connections[alias].close()


def close_old() -> None:
    """Closes the connections of this thread that are unusable or too old, as Django does at the end of a request.

    A connection inside an ``atomic`` block stays open, so the transaction of a ``TestCase`` survives.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()


def drop_all() -> None:
    """Drops all connections of this thread, whatever state they are in. The next query of each opens another."""
    for connection in connections.all(initialized_only=True):
        _drop(connection.alias)


def drop_broken() -> None:
    """Drops the connections of this thread that are broken or inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if not _is_idle(connection) or (connection.errors_occurred and not connection.is_usable()):
            _drop(connection.alias)


def drop_open_transactions() -> list[str]:
    """Drops the connections of this thread that are inside a transaction. Returns their aliases."""
    left = [connection.alias for connection in connections.all(initialized_only=True) if not _is_idle(connection)]
    for alias in left:
        _drop(alias)
    return left


def _is_idle(connection: Any) -> bool:
    """Whether neither Django nor the driver is inside a transaction."""
    if connection.in_atomic_block:
        return False
    if connection.connection is None or not connection.settings_dict["AUTOCOMMIT"]:
        return True
    driver = getattr(connection.connection, "info", None)
    return connection.autocommit and (driver is None or driver.transaction_status in _IDLE)


def _drop(alias: str) -> None:
    with suppress(Exception):
        connections[alias].connection.close()
    del connections[alias]
