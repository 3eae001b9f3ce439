"""Runs statements that change partitions, beside processes that append."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connections, transaction

from presence_events import sql

__all__ = ["LOCK_TIMEOUT", "TRIES", "is_owner", "run"]

LOCK_TIMEOUT = timedelta(milliseconds=40)
"""How long a statement waits for a lock. What comes after it in the queue for that lock, appends too, waits as long."""

TRIES = 50
"""How often a statement is tried."""

_PAUSE = 0.1
"""Seconds between two tries. Appends that have waited are done by then."""

_LOCK_NOT_AVAILABLE = "55P03"
_DEADLOCK_DETECTED = "40P01"


def is_owner(using: str) -> bool:
    """Returns whether the role of the connection ``using`` has the rights of the owner of the log."""
    ((is_owner,),) = sql.rows("presence_events", "queries/segments/is_owner", using=using)
    return bool(is_owner)


def run(*statements: str, using: str, tries: int = TRIES) -> None:
    """Runs ``statements`` in one transaction, which waits for each lock at most `LOCK_TIMEOUT`.

    If a lock is not free, the transaction is tried again. Raises `OperationalError` after ``tries`` tries, and nothing
    has changed then. Queries of the log and transactions that append hold locks as long as they run.
    """
    number = 0
    while True:
        try:
            with transaction.atomic(using), connections[using].cursor() as cursor:
                cursor.execute(
                    "SELECT set_config('lock_timeout', %s, true)", [str(LOCK_TIMEOUT // timedelta(milliseconds=1))]
                )
                for statement in statements:
                    sql.execute(cursor, statement)
                return
        except OperationalError as error:
            number += 1
            if _state(error) not in (_LOCK_NOT_AVAILABLE, _DEADLOCK_DETECTED) or number >= tries:
                raise
        time.sleep(_PAUSE)


def _state(error: Exception) -> Any:
    return getattr(error.__cause__, "sqlstate", None)
