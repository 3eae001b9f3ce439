"""Finds the events of one segment of the log in the files of an archive."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import Any, cast

from presence_events.archive import manifests, parquet
from presence_events.archive.manifests import Manifest
from presence_events.archive.packages import pyarrow
from presence_events.archive.verifying import problems_of_day
from presence_events.exceptions import ArchiveDamaged
from presence_events.models import Segment

__all__ = ["checksum", "count", "covering", "days_of", "rows"]

_FILES = {part: name for name, part in manifests.PARTS.items()}


def covering(directory: Path, segment: Segment) -> list[Manifest]:
    """Returns the days of the archive that may have events of ``segment``, in order. The list may be incomplete.

    Raises `ArchiveDamaged` and an OSError.
    """
    if segment.first_id is None or segment.last_id is None or not directory.is_dir():
        return []
    return [
        manifest
        for manifest in manifests.read_all(directory).values()
        if manifest.start_position <= segment.last_id and manifest.end_position > segment.first_id
    ]


def days_of(segment: Segment) -> tuple[date, date]:
    """Returns the first day of the events of ``segment``, which has some, and the day after the last one, in UTC."""
    first, last = (cast("datetime", time).astimezone(UTC).date() for time in (segment.first_at, segment.last_at))
    return first, last + timedelta(days=1)


def rows(directory: Path, segment: Segment, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """Yields the events of ``segment``, a part at a time, after verifying their files.

    They have these ``columns``, with ``id`` and ``day`` among them, or all of the format.

    Raises `ArchiveDamaged` if a file differs from its manifest, `ArchiveNotInstalled`, and an OSError.
    """
    days = covering(directory, segment)
    if problems := [problem for day in days for problem in problems_of_day(directory, day)]:
        raise ArchiveDamaged(" ".join(problems))
    for day in days:
        path = manifests.file_path(directory, day.day, _FILES[segment.part])
        for batch in parquet.batches(path, columns or parquet.schema().names):
            yield batch.filter(_is_of(segment, batch))


def count(directory: Path, segment: Segment) -> dict[str, int]:
    """Returns the number of events of each kind that the archive has of ``segment``. Raises as `rows`."""
    kinds: Counter[str] = Counter()
    for batch in rows(directory, segment, ("id", "kind", "day")):
        for found in pyarrow().compute.value_counts(batch.column("kind")).to_pylist():
            kinds[found["values"]] += found["counts"]
    return dict(sorted(kinds.items()))


def checksum(directory: Path, segment: Segment) -> str:
    """Returns the SHA-256 of the manifests of the days of ``segment``, in hexadecimal digits."""
    texts = "".join(manifest.text() for manifest in covering(directory, segment))
    return hashlib.sha256(texts.encode()).hexdigest()


def _is_of(segment: Segment, batch: Any) -> Any:
    """Returns which rows have the positions and the days of ``segment``."""
    compute, day, position = pyarrow().compute, batch.column("day"), batch.column("id")
    conditions = [
        compute.greater_equal(position, segment.first_id),
        compute.less_equal(position, segment.last_id),
        compute.less(day, segment.end_day),
    ]
    if segment.first_day is not None:
        conditions.append(compute.greater_equal(day, segment.first_day))
    return reduce(compute.and_, conditions)
