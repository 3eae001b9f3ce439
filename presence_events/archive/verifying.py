"""Compares the files of an archive with their manifests, and with the log."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

from presence_events.archive import manifests, parquet
from presence_events.archive.manifests import KINDS, PARTS, Contents, File, Manifest
from presence_events.archive.packages import pyarrow
from presence_events.archive.parquet import Summary
from presence_events.exceptions import ArchiveDamaged
from presence_events.models import PresenceEvent, Segment
from presence_events.segments.catalogue import MayContain

__all__ = ["problems_of_day", "sha256", "verify"]


def verify(
    directory: Path | str, *, using: str | None = None, report: Callable[[str, int, int], object] | None = None
) -> list[str]:
    """Returns the problems of the archive in ``directory``, each as a sentence. Without any, the list is empty.

    Each file is read and compared with its manifest. With ``using``, the positions in the files are also compared with
    those in that database. Files of which retention has removed events there are left out of that. ``report`` is called
    with what is done, the days done and all days. Raises an OSError if the directory cannot be read,
    `ArchiveNotInstalled`, and what the database raises.
    """
    pyarrow()
    directory = Path(directory)
    days = manifests.days(directory)
    problems = [f"{name} is in the directory, and no manifest names it." for name in _extra_files(directory, days)]
    problems += [f"{day} is missing, between two days of the archive." for day in manifests.missing_days(days)]
    found = []
    for done, day in enumerate(days, start=1):
        try:
            found.append(manifest := manifests.read(directory, day))
        except ArchiveDamaged as error:
            problems.append(error.problem)
        else:
            problems += problems_of_day(directory, manifest) or _differences(directory, manifest, using)
        if report:
            report(f"Verified {day}", done, len(days))
    return problems + [
        f"{later.day} begins at position {later.start_position}, but {earlier.day} ends at {earlier.end_position}."
        for earlier, later in pairwise(found)
        if earlier.end_position != later.start_position and (later.day - earlier.day).days == 1
    ]


def problems_of_day(directory: Path, manifest: Manifest) -> list[str]:
    """Returns how the files of a day differ from its ``manifest``."""
    return [
        f"{file.name}: {problem}."
        for name, file in zip(KINDS, manifest.files, strict=True)
        if (problem := _problem(directory / file.name, file, name, manifest))
    ]


def sha256(path: Path) -> str:
    """Returns the SHA-256 of the file ``path`` in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _problem(path: Path, file: File, name: str, manifest: Manifest) -> str | None:
    """Returns the first difference between the file ``path`` and ``file``, or None."""
    try:
        size = path.stat().st_size
        if size != file.size:
            return f"it has {size} bytes, and the manifest says {file.size}"
        if sha256(path) != file.sha256:
            return "its SHA-256 is not that of the manifest"
        summary = Summary()
        for rows in parquet.batches(path):
            summary.add(rows)
    except FileNotFoundError:
        return "it is missing"
    except (OSError, ValueError) as error:  # errors of pyarrow are among them
        return f"it cannot be read: {error}"
    return next(_contradictions(summary, file, name, manifest), None)


def _contradictions(summary: Summary, file: File, name: str, manifest: Manifest) -> Iterator[str]:
    contents = summary.contents()
    for field, found, expected in zip(Contents._fields, contents, file.contents, strict=True):
        if found != expected:
            yield f"{field} is {found}, and the manifest says {expected}"
    if not summary.is_in_order:
        yield "its events are not in the order of their positions"
    if not contents.events.keys() <= set(KINDS[name]):
        yield "it has events of other kinds"
    positions = {contents.first_position, contents.last_position} - {None}
    if any(position not in range(manifest.start_position, manifest.end_position) for position in positions):
        yield "it has positions that are not in the range of the day"


def _extra_files(directory: Path, days: list[date]) -> Iterator[str]:
    """Yields the names in ``directory`` that are neither manifests nor files of a day with a manifest."""
    known = {manifests.manifest_path(directory, day) for day in days}
    known |= {manifests.file_path(directory, day, name) for day in days for name in KINDS}
    yield from sorted(path.name for path in directory.iterdir() if path not in known)


def _is_removed(name: str, manifest: Manifest, using: str) -> bool:
    """Returns whether retention has removed a segment that may have had events of the file from the database."""
    removed = Segment.objects.using(using).filter(
        part=PARTS[name], state__in=[Segment.State.LEAVING, Segment.State.REMOVED]
    )
    return removed.filter(first_id__lt=manifest.end_position, last_id__gte=manifest.start_position).exists()


def _differences(directory: Path, manifest: Manifest, using: str | None) -> list[str]:
    """Returns how the positions in the files of a day differ from those in the database ``using``."""
    if using is None:
        return []
    differences = []
    for name, file in zip(KINDS, manifest.files, strict=True):
        if _is_removed(name, manifest, using):
            continue
        log = PresenceEvent.objects.using(using).filter(
            MayContain("id", after=manifest.start_position - 1, up_to=manifest.end_position - 1),
            id__gte=manifest.start_position,
            id__lt=manifest.end_position,
            kind__in=KINDS[name],
        )
        logged, archived = log.count(), sum(file.contents.events.values())
        if logged != archived:
            differences.append(f"{file.name}: it has {archived} events, and the database has {logged}.")
            continue
        last = manifest.start_position - 1
        for rows in parquet.batches(directory / file.name):
            positions = rows.column("id").to_pylist()
            page = log.filter(id__gt=last).order_by("id").values_list("id", flat=True)
            if positions != list(page[: len(positions)]):
                differences.append(f"{file.name}: positions after {last} differ from those of the database.")
                break
            last = positions[-1]
    return differences
