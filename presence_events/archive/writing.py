"""Writes days of the log into an archive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from presence_events import export, sql
from presence_events.archive import manifests, parquet
from presence_events.archive.manifests import KINDS, File, Manifest
from presence_events.archive.packages import pyarrow
from presence_events.archive.verifying import problems_of_day, sha256
from presence_events.exceptions import ArchiveDamaged, DayNotArchivable
from presence_events.files import new_file, parts_of
from presence_events.models import PresenceEvent
from presence_events.positions import CLOCK_TOLERANCE, position_at, settled_position
from presence_events.segments.catalogue import MayContain

__all__ = ["write"]

_A_DAY = timedelta(days=1)


class _Range(NamedTuple):
    """The positions of a day, from ``start`` (included) to ``end`` (excluded)."""

    day: date
    start: int
    end: int


def write(
    directory: Path | str,
    *,
    using: str,
    start: date,
    end: date,
    report: Callable[[str, int, int], object] | None = None,
) -> list[Manifest]:
    """Writes the days from ``start`` (included) to ``end`` (excluded), in UTC. Returns their manifests.

    The directory is created if needed. A day that is complete is verified and stays as it is. A day that an earlier
    call did not complete is written again. Memory does not grow with the number of events. ``report`` is called with
    what is done, the positions read and all positions to read; each file of a day reads those of the day.

    Raises `DayNotArchivable` if a day is not over or can still change, before anything is written. Raises
    `ArchiveDamaged` if a complete day has a problem, `ArchiveNotInstalled`, an OSError, and what the database raises,
    also on a standby. After an error, the days that were complete remain. One process may write at a time.
    """
    pyarrow()
    directory = Path(directory)
    days = [start + number * _A_DAY for number in range((end - start).days)]
    if not days:
        raise DayNotArchivable(f"{end} does not come after {start}.")
    complete = manifests.read_all(directory) if directory.exists() else {}
    for day in days:
        if day in complete and (problems := problems_of_day(directory, complete[day])):
            raise ArchiveDamaged(" ".join(problems))
    ranges = _ranges([day for day in days if day not in complete], complete, using)
    directory.mkdir(parents=True, exist_ok=True)
    total, before = len(KINDS) * sum(one.end - one.start for one in ranges), 0
    for one in ranges:

        def reached(what: str, positions: int, before: int = before) -> None:
            if report and total:
                report(what, before + positions, total)

        complete[one.day] = _write_day(directory, one, using, reached)
        before += len(KINDS) * (one.end - one.start)
    return [complete[day] for day in days]


def _ranges(days: list[date], complete: dict[date, Manifest], using: str) -> list[_Range]:
    """Returns the ranges of ``days``, which adjoin each other and those of the ``complete`` days."""
    if not days:
        return []
    ((now,),) = sql.rows("presence_events", "queries/archive/clock", using=using)
    if now < (over := _midnight(days[-1] + _A_DAY) + CLOCK_TOLERANCE):
        raise DayNotArchivable(f"{days[-1]} can be archived from {over:%Y-%m-%d %H:%M:%S} on. Now it is {now}.")
    settled = settled_position(using)
    ends = {day: manifest.end_position for day, manifest in complete.items()}
    ranges = []
    for day in days:
        before, after = ends.get(day - _A_DAY), complete.get(day + _A_DAY)
        start = position_at(_midnight(day), using=using, partial=True) if before is None else before
        end = position_at(_midnight(day + _A_DAY), using=using, partial=True) if after is None else after.start_position
        ends[day] = max(start, end)
        ranges.append(_Range(day, start, ends[day]))
        if ends[day] > settled + 1:
            raise DayNotArchivable(f"{day} has events that are not settled yet: try again.")
    return ranges


def _write_day(directory: Path, one: _Range, using: str, report: Callable[[str, int], object]) -> Manifest:
    """Writes the files of a day and its manifest. Calls ``report`` with what is done and the positions read."""
    paths = {name: manifests.file_path(directory, one.day, name) for name in KINDS}
    for path in (*paths.values(), manifests.manifest_path(directory, one.day)):
        for part in parts_of(path):
            part.unlink(missing_ok=True)
    files = []
    for number, (name, path) in enumerate(paths.items()):
        before = number * (one.end - one.start) - one.start

        def reached(position: int, what: str = f"Archiving {name} of {one.day}", before: int = before) -> None:
            report(what, before + position)

        with new_file(path) as file, parquet.EventFile(file, reached) as events:
            log = PresenceEvent.objects.using(using).filter(
                MayContain("id", after=one.start - 1, up_to=one.end - 1),
                id__gte=one.start,
                id__lt=one.end,
                kind__in=KINDS[name],
            )
            export.copy(log, events.add, "csv")
        files.append(File(path.name, sha256(path), path.stat().st_size, events.summary.contents()))
        reached(one.end)
    manifest = Manifest(one.day, one.start, one.end, tuple(files))
    manifest.write(directory)
    return manifest


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
