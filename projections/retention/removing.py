"""Removes the segments that may go: records the removal, moves the baseline, and drops the segments.

The record, the baseline and the state ``leaving`` are committed in one transaction. From then on, questions about times
before the new horizon are refused, and a replay does not need the segments. Detaching and dropping follow, and are
continued by the next run if this one is interrupted.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple, cast

from django.db import connections, transaction
from django.db.transaction import TransactionManagementError

from presence_events import sql
from presence_events.exceptions import RetentionIsRunning
from presence_events.models import Hold, Removal, Segment
from presence_events.positions import settled_position
from presence_events.segments import horizon, removing
from projections.replay.ranges import ReportProgress
from projections.retention.limits import plan
from projections.retention.moving import move

if TYPE_CHECKING:
    from datetime import date

__all__ = ["Outcome", "alone", "apply", "operator"]

LOCK_TIMEOUT = 2000
"""Milliseconds to wait for a hold that is being placed, and for a repair of the projections."""

Archive = Callable[[Segment], str | None]
"""Archives a segment and returns the checksum of its manifests. Raises if the archive does not have all of it."""


class Outcome(NamedTuple):
    """The names of the segments that a run has recorded as removed, and of those that it has dropped."""

    recorded: list[str]
    dropped: list[str]


def apply(using: str, *, archive: Archive | None = None, report: ReportProgress | None = None) -> Outcome:
    """Removes the segments of the log in the database ``using`` that may go, and completes interrupted removals.

    Nothing happens without ``CHANNELS_PRESENCE_RETENTION``, except that interrupted removals are completed. ``archive``
    is called with each segment first. Needs the rights of the owner of the tables (`statements.is_owner`).

    Raises `RetentionIsRunning` if another process does this now, and what ``archive`` raises; nothing has changed then.
    Raises `OperationalError` if a transaction stays open or locks were not free. What is done then remains, and the
    next run continues. Raises `TransactionManagementError` in a transaction.
    """
    if connections[using].in_atomic_block:
        raise TransactionManagementError("Segments cannot be removed in a transaction.")
    with alone(using):
        dropped = removing.remove_leaving(using)
        recorded = _record(using, archive, report)
        return Outcome(recorded, dropped + removing.remove_leaving(using))


@contextmanager
def alone(using: str) -> Iterator[None]:
    """Keeps others from removing and restoring segments in the block, and from erasing persons.

    Raises `RetentionIsRunning` if one does.
    """
    ((may_run,),) = sql.rows("projections", "queries/retention/lock", using=using)
    if not may_run:
        raise RetentionIsRunning
    try:
        yield
    finally:
        # The lock ends with a connection that is broken.
        if connections[using].is_usable():
            sql.rows("projections", "queries/retention/unlock", using=using)


def _record(using: str, archive: Archive | None, report: ReportProgress | None) -> list[str]:
    """Records the removal of the segments that may go. Returns their names."""
    found = [segment for part in plan(using) for segment in part.removable]
    if not found:
        return []
    checksums = {segment.name: archive(segment) for segment in found} if archive else {}
    settled_position(using)
    with transaction.atomic(using, durable=True):
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [str(LOCK_TIMEOUT)])
        position = move(using, max(segment.last_id or 0 for segment in found), report)
        with connections[using].cursor() as cursor:
            # A hold that is placed from now on is too late. One that was placed meanwhile stops all.
            cursor.execute(f"LOCK TABLE {Hold._meta.db_table} IN SHARE MODE")
        still = {segment.name for part in plan(using) for segment in part.removable}
        if not all(segment.name in still for segment in found):
            transaction.set_rollback(True, using)
            return []
        for segment in found:
            _record_one(segment, position, checksums.get(segment.name), using)
    return [segment.name for segment in found]


def _record_one(segment: Segment, position: int, checksum: str | None, using: str) -> None:
    segment.state = Segment.State.LEAVING
    segment.save(using=using, update_fields=["state"])
    kinds = sql.rows("projections", "queries/retention/kinds", using=using, segment=segment.name)
    Removal.objects.using(using).create(
        operator=operator(),
        segment=segment.name,
        part=segment.part,
        first_day=segment.first_day,
        end_day=cast("date", segment.end_day),  # a closed segment has an end
        first_id=segment.first_id,
        last_id=segment.last_id,
        first_at=segment.first_at,
        last_at=segment.last_at,
        events=dict(kinds),
        horizon=horizon.read(using).of(segment.part),
        baseline=position,
        archive=checksum,
    )


def operator() -> str:
    """Returns the name of the user of the operating system, or an empty text if it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
