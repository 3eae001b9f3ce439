"""The archive: writing days, verifying them, and stays in them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser

from presence_events.archive.manifests import (
    FORMAT,
    KINDS,
    PARTS,
    Contents,
    File,
    Manifest,
    days,
    file_path,
    manifest_path,
    missing_days,
    read,
    read_all,
)
from presence_events.archive.querying import ArchivedStay, at, during
from presence_events.archive.verifying import problems_of_day, sha256, verify
from presence_events.archive.writing import write
from projections.models import Room


def writing(directory: Path, start: date, end: date) -> None:
    assert_type(write("archive", using="default", start=start, end=end), list[Manifest])
    for manifest in write(directory, using="default", start=start, end=end, report=print):
        assert_type(manifest.day, date)
        assert_type(manifest.start_position, int)
        assert_type(manifest.end_position, int)
        assert_type(manifest.total(), int)
        assert_type(manifest.text(), str)
        assert_type(manifest.files, tuple[File, ...])
        assert_type(manifest.file("touches"), File)
        assert_type(problems_of_day(directory, manifest), list[str])
        for file in manifest.files:
            assert_type(file.name, str)
            assert_type(file.sha256, str)
            assert_type(file.size, int)
            contents(file.contents)


def contents(found: Contents) -> None:
    assert_type(found.events, dict[str, int])
    assert_type(found.first_position, int | None)
    assert_type(found.last_position, int | None)
    assert_type(found.first_at, datetime | None)
    assert_type(found.last_at, datetime | None)


def verifying(directory: Path) -> None:
    assert_type(verify("archive"), list[str])
    assert_type(verify(directory, using="default", report=print), list[str])
    for day in days(directory):
        assert_type(read(directory, day), Manifest)
        for name in KINDS:
            assert_type(sha256(file_path(directory, day, name)), str)
        assert_type(PARTS, dict[str, str])
        print(FORMAT, manifest_path(directory, day), list(missing_days([day])))
    assert_type(read_all(directory), dict[date, Manifest])


def querying(directory: Path, moment: datetime, room: Room, user: AbstractBaseUser) -> None:
    for stay in at(directory, moment, room, user):
        assert_type(stay, ArchivedStay)
        assert_type(stay.session, int)
        assert_type(stay.room, str)
        assert_type(stay.channel_name, str)
        assert_type(stay.user_id, Any)
        assert_type(stay.joined_at, datetime)
        assert_type(stay.left_at, datetime | None)
        assert_type(stay.last_seen, datetime)
        assert_type(stay.is_open, bool)
        assert_type(stay.ended_by, str | None)
        assert_type(stay.reason, Any)
        assert_type(stay.duration, timedelta)
    for stay in during("archive", moment, moment + timedelta(hours=1), room="lobby", user=4711):
        assert_type(stay, ArchivedStay)
