"""Erases a person from the files of an archive.

A day is replaced as a whole. Its new files are complete beside the old ones before the first of them is replaced, so a
run that was interrupted is completed by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from presence_events import sql
from presence_events.archive import manifests, parquet
from presence_events.archive.manifests import KINDS, File, Manifest
from presence_events.archive.packages import pyarrow
from presence_events.archive.verifying import problems_of_day, sha256
from presence_events.erasure.target import Target
from presence_events.exceptions import ArchiveDamaged
from presence_events.files import new_file
from presence_events.seals import reading

__all__ = ["Record", "complete", "erase", "events_of"]

_NEXT = ".erased"
"""What the names of files end with that are about to replace those of a day. They begin with a full stop."""

EMPTY = "{}"
"""Stands for data that were erased."""

_COLUMNS = ("id", "user_id", "session", "data", "commitment")

Record = Callable[[str, int], object]
"""Called with the name of a file, and how many of its events are erased, before the file is replaced."""

_Row = dict[str, Any]
_Erased = dict[int, tuple[str | None, str]]
"""Users and commitments of events that are erased in the log, by their positions."""


def complete(directory: Path) -> None:
    """Completes the replacement of a day that was interrupted, or removes what was not complete."""
    for path in sorted(directory.glob(f".*.json{_NEXT}")):
        _replace(directory, date.fromisoformat(path.name[1:11]))
    for path in directory.glob(f".*.parquet{_NEXT}"):
        path.unlink()


def erase(directory: Path, target: Target, *, using: str, record: Record) -> dict[str, int]:
    """Erases a person from the files in ``directory``, and what is erased in the log of the database ``using``.

    Returns how many events were erased, by the names of the files that were replaced. Each event keeps the commitment
    that its seal has. New manifests name those that they replace. Raises `ArchiveDamaged` for a day that differs from
    its manifest, `ArchiveNotInstalled`, an OSError, and what the database raises. Days that are done remain replaced.
    """
    pyarrow()
    complete(directory)
    done: dict[str, int] = {}
    for manifest in manifests.read_all(directory).values():
        changes = _Changes(target, _erased_in_log(manifest, using), using)
        names = {file.name for file in manifest.files if _needs(changes, directory / file.name)}
        if names:
            done |= _erase_day(directory, manifest, names, changes, record)
    return done


def events_of(directory: Path, person: str) -> Iterator[_Row]:
    """Yields the events of ``person``, a key as PostgreSQL writes it, in the order of the files."""
    for manifest in manifests.read_all(directory).values():
        for file in manifest.files:
            for batch in parquet.batches(directory / file.name, parquet.schema().names):
                yield from (row for row in batch.to_pylist() if row["user_id"] == person)


def _needs(changes: _Changes, path: Path) -> bool:
    """Returns whether a file has rows that are to be erased."""
    return any(changes.concern(row) for batch in parquet.batches(path, _COLUMNS) for row in batch.to_pylist())


def _erase_day(
    directory: Path, manifest: Manifest, names: set[str], changes: _Changes, record: Record
) -> dict[str, int]:
    if problems := problems_of_day(directory, manifest):
        raise ArchiveDamaged(" ".join(problems))
    done, files = {}, []
    for file in manifest.files:
        if file.name not in names:
            files.append(file)
            continue
        path, before = _next(directory / file.name), changes.events
        with new_file(path) as new:
            summary = parquet.rewrite(directory / file.name, new, changes)
        files.append(File(file.name, sha256(path), path.stat().st_size, summary.contents()))
        done[file.name] = changes.events - before
    for name, events in done.items():
        record(name, events)
    replacing = manifest._replace(files=tuple(files), replaces=manifest.sha256)
    with new_file(_next(manifests.manifest_path(directory, manifest.day))) as new:
        new.write(replacing.text().encode())
    _replace(directory, manifest.day)
    return done


class _Changes:
    """Erases a person from rows, and counts the events that were not erased before."""

    def __init__(self, target: Target, erased: _Erased, using: str) -> None:
        self._target = target
        self._erased = erased
        self._using = using
        self.events = 0

    def __call__(self, rows: list[_Row]) -> None:
        chosen = [row for row in rows if self.concern(row)]
        self.events += sum(row["commitment"] is None for row in chosen)
        commitments = self._commitments(
            [row for row in chosen if row["commitment"] is None and row["id"] not in self._erased]
        )
        for row in chosen:
            if row["id"] in self._erased:
                row["user_id"], row["commitment"] = self._erased[row["id"]]
            else:
                row["commitment"] = commitments.get(row["id"], row["commitment"])
                if _is_theirs(row, self._target):
                    row["user_id"] = self._target.pseudonym
            row["data"] = None if row["data"] is None else EMPTY

    def concern(self, row: _Row) -> bool:
        """Returns whether ``row`` is to be erased, and is not erased yet."""
        if row["id"] in self._erased:
            user, commitment = self._erased[row["id"]]
            return (row["user_id"], row["commitment"]) != (user, commitment) or row["data"] not in (None, EMPTY)
        return _is_theirs(row, self._target) or _names(row["data"], self._target.person)

    def _commitments(self, rows: list[_Row]) -> dict[int, str]:
        reading.make_keys({_subject(row) for row in rows}, using=self._using)
        params = {
            name: [row[column] for row in rows]
            for name, column in {"ids": "id", "users": "user_id", "sessions": "session", "data": "data"}.items()
        }
        return dict(sql.rows("presence_events", "queries/erasure/commitments", params, using=self._using))


def _is_theirs(row: _Row, target: Target) -> bool:
    return bool(row["user_id"] == target.person and row["id"] <= target.up_to and row["session"] not in target.excluded)


def _names(data: str | None, person: str) -> bool:
    """Returns whether ``data`` of an end say that ``person`` has made the connection leave."""
    if data is None or '"by_user"' not in data:
        return False
    value = json.loads(data)
    return isinstance(value, dict) and value.get("by_user") == person


def _subject(row: _Row) -> str:
    if row["user_id"] is not None and (row["session"] is None or row["session"] > 0):
        return f"user:{row['user_id']}"
    return f"event:{row['id']}" if row["session"] is None else f"session:{row['session']}"


def _erased_in_log(manifest: Manifest, using: str) -> _Erased:
    """Returns the events of a day that are erased in the log."""
    rows = sql.rows(
        "presence_events",
        "queries/erasure/erased",
        {"start": manifest.start_position, "end": manifest.end_position},
        using=using,
    )
    return {position: (user, commitment) for position, user, commitment in rows}


def _next(path: Path) -> Path:
    return path.with_name(f".{path.name}{_NEXT}")


def _replace(directory: Path, day: date) -> None:
    """Replaces the files of a day by those that are complete beside them, and its manifest last."""
    for path in [
        *(manifests.file_path(directory, day, name) for name in KINDS),
        manifests.manifest_path(directory, day),
    ]:
        if _next(path).exists():
            _next(path).replace(path)
