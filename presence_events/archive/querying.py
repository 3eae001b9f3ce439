"""Answers who was where from the files of an archive, without the database."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from presence_events import sql, validation
from presence_events.archive import manifests
from presence_events.archive.manifests import Manifest
from presence_events.archive.packages import duckdb
from presence_events.exceptions import ArchiveDamaged, NotInArchive
from presence_events.schema.json_data import TolerantDecoder

__all__ = ["ArchivedStay", "at", "during"]

_A_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = 1000
"""Rows that are fetched together."""


class ArchivedStay(NamedTuple):
    """One stay, with the columns of the view ``presence_session``. Times are aware, in UTC.

    A stay that is open has no end in the archive. Its ``last_seen`` and ``duration`` are those of the end of the last
    day.
    """

    session: int
    room: str
    channel_name: str
    user_id: Any
    joined_at: datetime
    left_at: datetime | None
    last_seen: datetime
    is_open: bool
    ended_by: str | None
    reason: Any
    duration: timedelta


def at(directory: Path | str, moment: datetime, room: Any = None, user: Any = None) -> Iterator[ArchivedStay]:
    """Returns the stays at ``moment``, in the order in which they began, as they are read.

    ``room`` is a name or a `Room`, and ``user`` an instance or a primary key. They narrow the result. A stay that began
    before the first day is found only if it ended in the archive.

    Raises `InvalidMoment`, `InvalidRoomName` and `InvalidUser`, and `NotInArchive` if the archive does not have the day
    of ``moment``. Raises `ArchiveDamaged` if a file or a day between two others is missing, or a file cannot be read,
    `ArchiveNotInstalled`, and an OSError if the directory cannot be read.
    """
    moment = validation.aware(validation.moment(moment))
    return _stays(Path(directory), moment, moment, room, user)


def during(
    directory: Path | str, start: datetime, end: datetime, room: Any = None, user: Any = None
) -> Iterator[ArchivedStay]:
    """Returns the stays that overlap the span from ``start`` (included) to ``end`` (excluded).

    If ``end`` is after the last day, the result covers the time until the end of that day. For the rest see `at`.
    """
    start, end = validation.span(start, end)
    return _stays(Path(directory), validation.aware(start), validation.aware(end) - _MICROSECOND, room, user)


def _stays(directory: Path, start: datetime, last: datetime, room: Any, user: Any) -> Iterator[ArchivedStay]:
    """Returns the stays that ended after ``start`` or are open, and began no later than ``last``."""
    duck = duckdb()
    days = manifests.read_all(directory)
    if missing := [day.isoformat() for day in manifests.missing_days(list(days))]:
        raise ArchiveDamaged(f"Days between two others are missing: {', '.join(missing)}.")
    if start.astimezone(UTC).date() not in days:
        known = f"It has the days from {min(days)} to {max(days)}" if days else "It is empty"
        raise NotInArchive(f"{known}. Got {start.isoformat()}.")
    archive = list(days.values())
    params: dict[str, Any] = {
        "start": start,
        "last": last,
        "joins_and_ends": _paths(directory, archive, "joins-and-ends"),
        "touches": _paths(directory, archive, "touches"),
        "later": _paths(directory, _with_ends_after(start, archive), "joins-and-ends"),
    }
    conditions = []
    if room is not None:
        conditions.append("AND room = $room")
        params["room"] = validation.recorded_room_name(getattr(room, "channel_name", room))
    if user is not None:
        conditions.append("AND user_id = $user_id")
        params["user_id"] = str(_key(user))
    statement = sql.read("presence_events", "queries/archive/stays").format(conditions=" ".join(conditions))
    end = datetime.combine(max(days) + _A_DAY, time(), UTC)
    return _rows(duck, statement, params, end)


def _rows(duck: Any, statement: str, params: dict[str, Any], end: datetime) -> Iterator[ArchivedStay]:
    """Yields the stays that ``statement`` finds. Open ones last until ``end``."""
    with TemporaryDirectory() as spilled:
        # DuckDB loads no code from elsewhere. What does not fit into memory goes to a directory of this query.
        options = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "temp_directory": spilled,
        }
        with closing(duck.connect(config=options)) as connection:
            try:
                connection.execute(statement, params)
                while rows := connection.fetchmany(_ROWS):
                    for row in rows:
                        yield _stay(row, end)
            except duck.Error as error:
                raise ArchiveDamaged(f"{error}") from None


def _stay(row: tuple[Any, ...], end: datetime) -> ArchivedStay:
    session, room, channel_name, user_id, joined, left, seen, is_open, ended_by, reason = row
    joined_at, last_seen = _time(joined), _time(seen)
    left_at = None if left is None else _time(left)
    return ArchivedStay(
        session,
        room,
        channel_name,
        None if user_id is None else validation.user_key(user_id),
        joined_at,
        left_at,
        last_seen,
        is_open,
        ended_by,
        None if reason is None else json.loads(reason, cls=TolerantDecoder),
        (left_at or max(end, last_seen)) - joined_at,
    )


def _with_ends_after(start: datetime, archive: list[Manifest]) -> list[Manifest]:
    """Returns the days of ``archive`` that can have an end after ``start``, at least the last day."""
    ends = [manifest.file("joins-and-ends").contents.last_at for manifest in archive[:-1]]
    return [one for one, last in zip(archive, ends, strict=False) if last is not None and last > start] + archive[-1:]


def _paths(directory: Path, archive: list[Manifest], name: str) -> list[str]:
    """Returns the paths of the files with this name, as DuckDB takes them. Raises `ArchiveDamaged` if one is missing.

    Only their sizes are compared with the manifests.
    """
    paths = []
    for manifest in archive:
        file = manifest.file(name)
        path = directory.resolve() / file.name
        if not path.is_file() or path.stat().st_size != file.size:
            raise ArchiveDamaged(f"{file.name} is missing, or its size is not {file.size} bytes.")
        paths.append(glob.escape(str(path)))
    return paths


def _key(user: Any) -> Any:
    """Returns the primary key of ``user``, an instance or a key, as the database takes it. Raises `InvalidUser`."""
    return validation.user_parameter(validation.key_of(user))


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
