"""Compares the projections with the log, and repairs them.

`compare` folds the log in one snapshot and takes no lock. `repair` writes the rows that differ. It locks the log only
to fold what was appended after its snapshot and to write, so appends wait only briefly.
"""

from __future__ import annotations

import time
from copy import deepcopy
from typing import NamedTuple

from django.db import OperationalError, connections, transaction
from django.db.models import Model

from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from projections.models import Presence, Process, Room
from projections.replay import guards
from projections.replay.differences import Difference, find_differences, write_differences
from projections.replay.fold import Fold
from projections.replay.ranges import ReportProgress, last_position
from projections.replay.snapshot import snapshot
from projections.retention import baseline

__all__ = ["Repair", "compare", "repair"]

LOCK_TIMEOUT = 2.0
"""Seconds to wait for the lock on the log. New appends wait behind this lock request. It is longer than
``deadlock_timeout``, after which PostgreSQL cancels an autovacuum that holds a conflicting lock."""

RETRY_DELAY = 0.5
"""Seconds between two attempts to get the locks."""

MAX_ATTEMPTS = 10

_LOCK_ERRORS = ("55P03", "40P01")
"""The SQLSTATEs of lock_not_available and deadlock_detected. The repair is attempted again after them."""


_PROJECTIONS: tuple[type[Model], ...] = (Room, Presence, Process)


class Repair(NamedTuple):
    """What `repair` changed: the ``differences`` it wrote, and the most seconds for which appends had to wait."""

    differences: list[Difference]
    locked_seconds: float


def compare(using: str, *, room: str | None = None, report: ReportProgress | None = None) -> list[Difference]:
    """Returns the rows of the projections that differ from the log, of one ``room`` or of all.

    Reads one snapshot and takes no lock, so concurrent appends neither wait nor affect the result.
    """
    with snapshot(using):
        fold = Fold(using, room=room)
        fold.read(last_position(using), report=report)
        return find_differences(fold)


def repair(using: str, *, room: str | None = None, report: ReportProgress | None = None) -> Repair:
    """Makes the projections equal to the log, of one ``room`` or of all. Returns the rows that differed.

    If nothing differs, it takes no lock and writes nothing. Otherwise it writes all differences in one transaction.
    Appends wait for this transaction: at most 2 seconds for each attempt to lock the log, then until the events after
    the snapshot are folded and the differences written. Only the owner of the tables may do this.

    If it raises, nothing has changed. Raises `OperationalError` if a transaction stays open that has appended or has
    locked rows of the projections.
    """
    locked_seconds = 0.0
    while True:
        settled = settled_position(using)
        with snapshot(using) as already_read:
            fold = Fold(using, room=room)
            fold.read(last_position(using), report=report)
            if not find_differences(fold):
                return Repair([], locked_seconds)
        attempts = 0
        while True:
            begin = time.monotonic()
            try:
                differences = _write_under_lock(fold, using, settled, already_read)
                return Repair(differences, locked_seconds + time.monotonic() - begin)
            except _BaselineMoved:
                break
            except OperationalError as error:
                attempts += 1
                if attempts == MAX_ATTEMPTS or getattr(error.__cause__, "sqlstate", None) not in _LOCK_ERRORS:
                    raise
            finally:
                locked_seconds += time.monotonic() - begin
            time.sleep(RETRY_DELAY)


class _BaselineMoved(Exception):
    """Retention has moved the baseline since the fold was read, and may have removed events that it refers to."""


def _write_under_lock(fold: Fold, using: str, settled: int, already_read: str) -> list[Difference]:
    """Locks the log, folds the events that ``already_read`` (a snapshot) does not have, and writes what differs.

    There are no such events up to the position ``settled``. Raises `_BaselineMoved`, and changes nothing, if the fold
    began at another baseline.
    """
    fold = deepcopy(fold)  # a later attempt starts from the same state
    with transaction.atomic(using, durable=True):
        with connections[using].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
            # Retention does not move the baseline meanwhile.
            cursor.execute(f"LOCK TABLE {baseline.Baseline._meta.db_table} IN SHARE MODE")
            if baseline.start(using) != fold.start:
                raise _BaselineMoved
            cursor.execute(f"LOCK TABLE {PresenceEvent._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
            # A transaction that has locked rows of these tables may be about to append. Waiting for it would be a
            # deadlock, and PostgreSQL would cancel one of the two.
            tables = ", ".join(model._meta.db_table for model in _PROJECTIONS)
            cursor.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE NOWAIT")
        fold.read_more(last_position(using), after=settled, snapshot=already_read)
        differences = find_differences(fold)
        with guards.disabled("projected_only", _PROJECTIONS, using=using):
            write_differences(fold, differences)
    return differences
