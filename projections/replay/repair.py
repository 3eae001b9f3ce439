"""Replay: the projections are compared with the log, and made what it says.

`compare` folds the log in one snapshot and takes no lock. `repair` writes what differs: it folds what was appended
since under a lock that keeps appends waiting, which is short because that is little. `state` folds an earlier part.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.db import OperationalError, connections, transaction
from django.db.models import Max

from presence_events import validation
from presence_events.exceptions import InvalidPosition
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from projections.models import Presence, Room
from projections.replay.fold import Difference, Fold, Progress

__all__ = ["Repair", "compare", "last_position", "repair", "snapshot", "state"]

PATIENCE = 2.0
"""Seconds for which the lock on the log is waited for, and everyone who appends with it. Longer than
``deadlock_timeout``, after which PostgreSQL stops a vacuum that is in the way."""

PAUSE = 0.5
"""Seconds between two tries to get the locks."""

TRIES = 10

_WORTH_ANOTHER_TRY = ("55P03", "40P01")
"""lock_not_available and deadlock_detected."""


class Repair(NamedTuple):
    """What `repair` did: ``differences`` that there were, and the seconds for which appends had to wait at most."""

    differences: list[Difference]
    locked: float


def compare(using: str, *, room: str | None = None, progress: Progress | None = None) -> list[Difference]:
    """What is not in the tables as the log has it. In one snapshot, without a lock: traffic does not matter."""
    with snapshot(using):
        fold = Fold(using, room=room)
        fold.read(last_position(using), progress=progress)
        return fold.differences()


def repair(using: str, *, room: str | None = None, progress: Progress | None = None) -> Repair:
    """Makes the tables what the log says. Returns what was not.

    If there is nothing to write, no lock is taken. Otherwise what differs is written in one transaction, which keeps
    whoever appends waiting: until it has the lock on the log, for 2 seconds a try, and until it has folded what was
    appended since the snapshot. It needs the rights of the owner of the tables. Whatever it raises, nothing has
    changed: `OperationalError` if a transaction that has appended, or has locked rows of the tables, is still open.
    """
    settled = settled_position(using)
    with snapshot(using) as seen:
        fold = Fold(using, room=room)
        fold.read(last_position(using), progress=progress)
        if not fold.differences():
            return Repair([], 0.0)
    locked, tries = 0.0, 0
    while True:
        begin = time.monotonic()
        try:
            differences = _write_what_differs(fold, using, settled, seen)
            return Repair(differences, locked + time.monotonic() - begin)
        except OperationalError as error:
            tries += 1
            if tries == TRIES or getattr(error.__cause__, "sqlstate", None) not in _WORTH_ANOTHER_TRY:
                raise
        locked += time.monotonic() - begin
        time.sleep(PAUSE)


@contextmanager
def state(
    using: str,
    *,
    position: int | None = None,
    moment: datetime | None = None,
    room: str | None = None,
    progress: Progress | None = None,
) -> Iterator[Fold]:
    """The state after the event at ``position``, or as it was at ``moment``; in a transaction, for its queries.

    Raises `InvalidPosition` and `InvalidMoment` for what is not yet, and `OperationalError` if the end of the log is
    not known, because a transaction that has appended stays open.
    """
    if moment is not None:
        moment = validation.moment(moment)
    settled = settled_position(using)
    if position is None:
        position = settled
    elif not 0 <= position <= settled:
        raise InvalidPosition(f"Got {position}, and the log ends at {settled}.")
    with snapshot(using):
        fold = Fold(using, room=room, moment=moment)
        fold.read(position, progress=progress)
        yield fold


def _write_what_differs(fold: Fold, using: str, settled: int, seen: str) -> list[Difference]:
    fold = deepcopy(fold)  # another try reads again from where this one begins
    with transaction.atomic(using, durable=True):
        with connections[using].cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'")
            cursor.execute(f"LOCK TABLE {PresenceEvent._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")
            # Whoever has locked rows of these may be about to append: waited for, one of the two would have to die.
            tables = f"{Room._meta.db_table}, {Presence._meta.db_table}"
            cursor.execute(f"LOCK TABLE {tables} IN EXCLUSIVE MODE NOWAIT")
        fold.read(last_position(using), after=settled, snapshot=seen)
        differences = fold.differences()
        with _guards_down(using):
            fold.write(differences)
    return differences


@contextmanager
def snapshot(using: str) -> Iterator[str]:
    """A transaction that sees the database as it is at its beginning; yields which transactions it sees."""
    connection = connections[using]
    nested = connection.in_atomic_block
    with transaction.atomic(using, durable=True), connection.cursor() as cursor:
        if not nested:  # a test case, in the transaction of which there is nobody else
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_current_snapshot()::text")
        yield cursor.fetchone()[0]


@contextmanager
def _guards_down(using: str) -> Iterator[None]:
    """Lets rows of the projections be written, in this transaction alone."""
    guards = [
        (model._meta.db_table, trigger.get_pgid(model))
        for model in (Room, Presence)
        for trigger in cast(Any, model._meta).triggers
        if trigger.name == "projected_only"
    ]
    with connections[using].cursor() as cursor:
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
        yield
        # Triggers cannot be altered while foreign keys wait to be checked.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")


def last_position(using: str) -> int:
    position: int = PresenceEvent.objects.using(using).aggregate(last=Max("id", default=0))["last"]
    return position
