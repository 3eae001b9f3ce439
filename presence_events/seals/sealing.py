"""Seals what is settled of the log. Nothing is added to the write path: it reads the log behind the writers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from presence_events import sql
from presence_events.exceptions import ErasureNotEnded
from presence_events.models import StoredSeal
from presence_events.positions import settled_position
from presence_events.seals import reading
from presence_events.seals.contents import contents
from presence_events.seals.erasures import records, statements
from presence_events.seals.seal import FIRST, Seal
from presence_events.seals.signing import Signer

__all__ = ["MAX_EVENTS", "seal"]

MAX_EVENTS = 100_000
"""Events in one seal, whose lines are in memory while it is made."""

ReportProgress = Callable[[str, int, int], None]
"""Called with what is done, how many positions have been sealed, and how many there are to seal."""


def seal(using: str, *, signer: Signer | None = None, report: ReportProgress | None = None) -> list[StoredSeal]:
    """Seals the log of the database ``using`` up to its settled end, and returns the new seals.

    Each seal has at most `MAX_EVENTS` events, and is committed by itself. Does nothing if there is no new event. If
    another process seals at the same time, one of the two stops. Raises `OperationalError` if a transaction that
    appends stays open, and `ErasureNotEnded` while the erasure of a person is in progress.
    """
    settled = settled_position(using)
    made = []
    last = StoredSeal.objects.using(using).order_by("number").last()
    first = last.up_to if last else 0
    while (made_now := _seal_next(last, settled, signer, using)) is not None:
        last = made_now
        made.append(last)
        if report:
            report("seal", last.up_to - first, settled - first)
    return made


def _seal_next(last: StoredSeal | None, settled: int, signer: Signer | None, using: str) -> StoredSeal | None:
    # Without an erasure between what is read, the keys, and the seal.
    with sql.now(using):
        sql.rows("presence_events", "queries/seals/lock", using=using)
        ((is_erasing,),) = sql.rows("presence_events", "queries/seals/is_erasing", using=using)
        if is_erasing:
            raise ErasureNotEnded
        return _seal_range(last, settled, signer, using)


def _seal_range(last: StoredSeal | None, settled: int, signer: Signer | None, using: str) -> StoredSeal | None:
    after = last.up_to if last else 0
    events = reading.pages(after, settled, MAX_EVENTS, using=using)
    found = contents(events, lambda subjects: reading.make_keys(subjects, using=using))
    if not found.marks:
        return None
    new = Seal(
        number=last.number + 1 if last else 1,
        previous=last.seal.digest if last else FIRST,
        after=after,
        up_to=found.last,
        stays=found.stays,
        touches=found.touches,
        erasures=statements(records(using))[-1],
        sealed_at=datetime.now(UTC),
    )
    stored = StoredSeal(
        number=new.number,
        up_to=new.up_to,
        text=new.text,
        marks=found.marks,
        signature=signer.sign(new) if signer else None,
        public_key=signer.public_key if signer else None,
    )
    inserted = StoredSeal.objects.using(using).bulk_create([stored], ignore_conflicts=True)
    if not StoredSeal.objects.using(using).filter(number=new.number, text=new.text).exists():
        return None
    return inserted[0]
