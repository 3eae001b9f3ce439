"""Manifests: what the files of one day contain."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from presence_events.exceptions import ArchiveDamaged
from presence_events.files import new_file

__all__ = [
    "FORMAT",
    "KINDS",
    "PARTS",
    "Contents",
    "File",
    "Manifest",
    "days",
    "file_path",
    "manifest_path",
    "read",
    "read_all",
]

FORMAT = 1
"""The version of the format of manifests and files."""

KINDS = {"joins-and-ends": ("join", "leave", "prune"), "touches": ("touch",)}
"""The files of a day, and the kinds of their events."""

PARTS = {"joins-and-ends": "stays", "touches": "touches"}
"""The files of a day, and the part of the log that each has."""

_MANIFEST = re.compile(r"(\d{4}-\d{2}-\d{2})\.json")
_A_DAY = timedelta(days=1)


class Contents(NamedTuple):
    """What a file contains. Without events, the positions and times are None.

    - ``events``: the number of events of each kind.
    - ``first_position``, ``last_position``: the lowest and the highest position.
    - ``first_at``, ``last_at``: the earliest and the latest time.
    """

    events: dict[str, int]
    first_position: int | None
    last_position: int | None
    first_at: datetime | None
    last_at: datetime | None


class File(NamedTuple):
    """A Parquet file of a day, as it was written.

    ``sha256`` is in hexadecimal digits. ``size`` is in bytes.
    """

    name: str
    sha256: str
    size: int
    contents: Contents


class Manifest(NamedTuple):
    """A complete day: its range of positions and its files.

    The day has all events from ``start_position`` (included) to ``end_position`` (excluded). ``replaces`` is the
    SHA-256 of the manifest that this one has replaced, when a person was erased from the files, or None.
    """

    day: date
    start_position: int
    end_position: int
    files: tuple[File, ...]
    replaces: str | None = None

    def total(self) -> int:
        """Returns the number of events."""
        return sum(sum(file.contents.events.values()) for file in self.files)

    def file(self, name: str) -> File:
        """Returns the file that has this name in `KINDS`."""
        return self.files[tuple(KINDS).index(name)]

    def text(self) -> str:
        """Returns the manifest as JSON, with a checksum of the rest in its last member."""
        values: dict[str, Any] = {
            "format": FORMAT,
            "day": self.day.isoformat(),
            "start_position": self.start_position,
            "end_position": self.end_position,
            "replaces": self.replaces,
            "files": [
                {"name": file.name, "sha256": file.sha256, "size": file.size, **_json(file.contents)}
                for file in self.files
            ],
        }
        return json.dumps({**values, "sha256": _checksum(values)}, indent=2) + "\n"

    @property
    def sha256(self) -> str:
        """SHA-256 of the text, in hexadecimal digits."""
        return hashlib.sha256(self.text().encode()).hexdigest()

    def write(self, directory: Path) -> None:
        """Writes the manifest into ``directory``. A manifest that is there is complete."""
        with new_file(manifest_path(directory, self.day)) as file:
            file.write(self.text().encode())


def file_path(directory: Path, day: date, name: str) -> Path:
    """Returns the path of the file of ``day`` that has this name in `KINDS`."""
    return directory / f"{day.isoformat()}.{name}.parquet"


def manifest_path(directory: Path, day: date) -> Path:
    return directory / f"{day.isoformat()}.json"


def days(directory: Path) -> list[date]:
    """Returns the days that have a manifest, in order. The manifests are not read. Raises an OSError."""
    found = (_MANIFEST.fullmatch(path.name) for path in directory.iterdir())
    return sorted(date.fromisoformat(match[1]) for match in found if match)


def read(directory: Path, day: date) -> Manifest:
    """Returns the manifest of ``day``. Raises `ArchiveDamaged` if it is not as it was written."""
    path = manifest_path(directory, day)
    try:
        text = path.read_text(encoding="utf-8")
        values = json.loads(text)
        version = values["format"]
        if version == FORMAT:
            manifest = _manifest(values)
            if manifest.text() == text and manifest.day == day and _has_its_files(manifest):
                return manifest
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ArchiveDamaged(f"{path.name} is not a manifest: {error}.") from None
    if version != FORMAT:
        raise ArchiveDamaged(f"{path.name} has the format {version!r}. This release reads the format {FORMAT}.")
    raise ArchiveDamaged(f"{path.name} differs from what was written.")


def read_all(directory: Path) -> dict[date, Manifest]:
    """Returns all manifests, in the order of their days. Raises `ArchiveDamaged` and an OSError."""
    return {day: read(directory, day) for day in days(directory)}


def missing_days(present: list[date]) -> Iterator[date]:
    """Yields the days between the first and the last of ``present`` that are not among them."""
    for number in range((present[-1] - present[0]).days if present else 0):
        if (day := present[0] + number * _A_DAY) not in present:
            yield day


def _has_its_files(manifest: Manifest) -> bool:
    return [file.name for file in manifest.files] == [file_path(Path(), manifest.day, name).name for name in KINDS]


def _manifest(values: dict[str, Any]) -> Manifest:
    return Manifest(
        day=date.fromisoformat(values["day"]),
        start_position=values["start_position"],
        end_position=values["end_position"],
        files=tuple(File(file["name"], file["sha256"], file["size"], _contents(file)) for file in values["files"]),
        replaces=values["replaces"],
    )


def _contents(values: dict[str, Any]) -> Contents:
    first_at, last_at = (values[name] and datetime.fromisoformat(values[name]) for name in ("first_at", "last_at"))
    return Contents(values["events"], values["first_position"], values["last_position"], first_at, last_at)


def _json(contents: Contents) -> dict[str, Any]:
    times = {name: value and value.isoformat() for name, value in contents._asdict().items() if name.endswith("_at")}
    return {**contents._asdict(), **times}


def _checksum(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
