"""Restores a segment that was removed, from an archive."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connections, transaction

from presence_events import sql
from presence_events.archive import segments
from presence_events.archive.packages import pyarrow
from presence_events.exceptions import HoldNotChangeable, NotRestorable
from presence_events.models import Removal, Segment
from presence_events.segments import closing, holds
from projections.retention.removing import alone

__all__ = ["hold_of", "restore"]


def hold_of(name: str) -> str:
    """Returns the name of the hold that keeps the restored segment ``name``."""
    return f"restored {name}"


def restore(directory: Path, name: str, *, using: str) -> int:
    """Restores the segment ``name`` from the archive in ``directory``. Returns the number of its events.

    The events have their old positions, times and days, and change no projection. The horizon moves back if no later
    segment of the part was removed. The baseline stays where it is. A hold keeps the segment, and all after it, until
    you release it: the next run of retention removes the segment again then.

    Raises `NotRestorable` if the segment was not removed, if its table still exists, or if the archive does not have as
    many events of each kind as were removed. Raises `ArchiveDamaged`, `ArchiveNotInstalled`, `RetentionIsRunning`, an
    OSError, and what the database raises. Nothing has changed then. Needs the rights of the owner of the tables.
    """
    with alone(using), transaction.atomic(using, durable=True):
        segment = Segment.objects.using(using).filter(name=name).first()
        if segment is None or segment.state != Segment.State.REMOVED:
            raise NotRestorable(f"{name} is not a segment that was removed.")
        removal = Removal.objects.using(using).filter(segment=name).last()
        if removal is None:
            raise NotRestorable(f"There is no record of the removal of {name}.")
        ((table,),) = sql.rows("presence_events", "queries/segments/table", {"name": name}, using=using)
        if table != "missing":
            raise NotRestorable(f"The table {name} exists.")
        sql.rows("projections", "queries/retention/create", {"name": name}, using=using)
        kinds = _load(segments.rows(directory, segment), name, using)
        if kinds != removal.events:
            raise NotRestorable(f"{removal.events} were removed with {name}, and the archive has {kinds} of it.")
        _attach(segment, using)
        segment.state = Segment.State.CLOSED
        segment.save(using=using, update_fields=["state"])
        try:
            holds.place(hold_of(name), segment.first_day, using=using)
        except HoldNotChangeable as error:
            raise NotRestorable(str(error)) from None
    return sum(kinds.values())


def _load(batches: Iterator[Any], name: str, using: str) -> dict[str, int]:
    """Writes events into the table ``name``. Returns how many there were of each kind."""
    csv = pyarrow().csv
    kinds: Counter[str] = Counter()
    connection = connections[using]
    with connection.cursor() as cursor, connection.wrap_database_errors:
        for batch in batches:
            text = io.BytesIO()
            csv.write_csv(batch, text, csv.WriteOptions(include_header=False))
            columns = ", ".join(batch.schema.names)
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN WITH (FORMAT csv)") as copy:
                copy.write(text.getvalue())
            kinds.update(batch.column("kind").to_pylist())
    return dict(sorted(kinds.items()))


def _attach(segment: Segment, using: str) -> None:
    """Makes the table a partition of the log, if its events have the figures that the segment had."""
    expected = [segment.first_id, segment.last_id, segment.first_at, segment.last_at, segment.first_since]
    ((events, *figures),) = sql.rows("presence_events", "queries/segments/figures", using=using, segment=segment.name)
    if [events, *figures] != [segment.events, *expected]:
        raise NotRestorable(f"The positions or times of {segment.name} differ in the archive.")
    with connections[using].cursor() as cursor:
        check = f"CHECK ({closing.condition(*figures)})"
        sql.execute(cursor, f"ALTER TABLE {segment.name} ADD CONSTRAINT presence_closed {check}")
    params = {name: getattr(segment, name) for name in ("name", "part", "first_day", "end_day")}
    sql.rows("projections", "queries/retention/attach", params, using=using)
