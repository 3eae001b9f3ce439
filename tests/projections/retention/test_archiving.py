"""Segments are archived before they are removed, and restored from the archive."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from presence_events.archive import manifests, verifying
from presence_events.exceptions import ArchiveDamaged, BeforeHorizon, NotRestorable, RetentionStopped
from presence_events.models import Hold, PresenceEvent, Removal, Segment
from presence_events.schema.tables import segment_faults
from presence_events.segments import closing, holds, horizon
from projections.models import PresenceSession, Room
from projections.replay.repair import compare
from projections.retention import archiving, restoring
from tests import retention, segments
from tests.backdating import Stay, write

pytest.importorskip("pyarrow")

A_DAY = timedelta(days=1)
SUMMER = date(2026, 8, 1)
NAME = "presence_event_stays_first"
TOUCHES = "presence_event_touches_first"


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=retention.UTC)


@pytest.fixture(autouse=True)
def _history(settings: Any, user: Any) -> None:
    """Two stays in January and one in February, in closed segments of a month."""
    settings.CHANNELS_PRESENCE_RETENTION = {"stays": 60 * A_DAY, "touches": 60 * A_DAY}
    for part in ("touches", "stays"):
        segments.divide(part, date(2026, 2, 1), date(2026, 3, 1))
    data = {"text": 'a "quoted", text\n', "none": None}
    write(
        Stay("room", "one", user, at(1, 10), at(1, 12), last_seen=at(1, 11), data=data),
        Stay("room", "two", None, at(1, 11), at(1, 13), "prune", last_seen=at(1, 12), data="", reason={"why": "x"}),
        Stay("room", "three", user, at(2, 3), at(2, 4), last_seen=at(2, 3, 12)),
    )
    with segments.on(date(2026, 3, 1)):
        closing.close("default")


def run(directory: Path, day: date) -> None:
    with segments.on(day):
        call_command("presence_retention", "--archive", str(directory), stdout=StringIO(), stderr=StringIO())


def rows(**conditions: Any) -> list[Any]:
    return list(PresenceEvent.objects.filter(**conditions).order_by("id").values())


def test_what_is_removed_is_in_the_archive(tmp_path: Path) -> None:
    run(tmp_path, date(2026, 4, 2))
    assert segments.names("stays", state="removed") == ["first"]
    assert manifests.days(tmp_path) == [date(2026, 1, day) for day in (10, 11, 12, 13)]
    texts = "".join(manifests.manifest_path(tmp_path, date(2026, 1, day)).read_text() for day in (10, 11, 12, 13))
    assert Removal.objects.get(segment=NAME).archive == sha256(texts.encode()).hexdigest()
    assert verifying.verify(tmp_path, using="default") == []
    run(tmp_path, SUMMER)
    # The days between two segments are archived, too.
    assert manifests.days(tmp_path)[-1] == date(2026, 2, 4)
    assert verifying.verify(tmp_path, using="default") == []
    assert compare("default") == []


def test_nothing_is_removed_if_the_archive_lacks_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = archiving.segments.count
    monkeypatch.setattr(archiving.segments, "count", lambda *arguments: {**count(*arguments), "leave": 0, "touch": 0})
    with segments.on(SUMMER), pytest.raises(RetentionStopped, match="the archive has"):
        retention.removing.apply(
            "default", archive=lambda segment: archiving.archive(tmp_path, segment, using="default")
        )
    assert not Segment.objects.filter(state__in=["leaving", "removed"]).exists()
    assert not Removal.objects.exists()


def test_nothing_is_removed_if_the_archive_is_damaged(tmp_path: Path) -> None:
    options = ["write", str(tmp_path), "--to", "2026-02-01"]
    call_command("presence_archive", *options, stdout=StringIO(), stderr=StringIO())
    path = manifests.file_path(tmp_path, date(2026, 1, 11), "touches")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(CommandError):
        run(tmp_path, SUMMER)
    assert not Removal.objects.exists()


def test_a_segment_that_was_removed_is_restored(tmp_path: Path) -> None:
    before = rows()
    january = rows(day__lt=date(2026, 2, 1), kind__in=["join", "leave", "prune"])
    run(tmp_path, date(2026, 4, 2))
    with pytest.raises(BeforeHorizon):
        list(PresenceSession.objects.at(at(1, 11, 1)))
    out = StringIO()
    call_command("presence_archive", "restore", str(tmp_path), "--segment", NAME, stdout=out)
    assert "4 events" in out.getvalue()
    assert rows(day__lt=date(2026, 2, 1)) == january
    assert [stay.channel_name for stay in PresenceSession.objects.at(at(1, 11, 1))] == ["one", "two"]
    assert horizon.read("default").stays is None
    assert Segment.objects.get(name=NAME).state == "closed"
    assert segment_faults(using="default") == []
    assert compare("default") == []
    call_command("presence_archive", "restore", str(tmp_path), "--segment", TOUCHES, stdout=out)
    assert rows() == before
    Room.objects.add("room", "four")
    assert compare("default") == []


def test_a_restored_segment_is_held_and_guarded(tmp_path: Path) -> None:
    run(tmp_path, date(2026, 4, 2))
    restoring.restore(tmp_path, NAME, using="default")
    assert Hold.objects.get().name == f"restored {NAME}"
    assert retention.remove(SUMMER).dropped == []
    for statement in (f"DELETE FROM {NAME}", f"INSERT INTO {NAME} SELECT * FROM {NAME}"):
        with pytest.raises(Exception, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_index ON oid = indexrelid WHERE indrelid = %s::regclass", [NAME]
        )
        assert f"{NAME}_room_stay" in {name for (name,) in cursor.fetchall()}
    holds.release(f"restored {NAME}", using="default")
    assert NAME in retention.remove(SUMMER).dropped
    assert Removal.objects.filter(segment=NAME).count() == 2
    assert compare("default") == []


def test_what_cannot_be_restored_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotRestorable, match="was removed"):
        restoring.restore(tmp_path, NAME, using="default")
    with pytest.raises(NotRestorable, match="was removed"):
        restoring.restore(tmp_path, "x; DROP TABLE presence_event", using="default")
    run(tmp_path, date(2026, 4, 2))
    with pytest.raises(NotRestorable, match="the archive has"):
        restoring.restore(tmp_path / "empty", NAME, using="default")
    path = manifests.file_path(tmp_path, date(2026, 1, 11), "joins-and-ends")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    with pytest.raises(ArchiveDamaged):
        restoring.restore(tmp_path, NAME, using="default")
    path.write_bytes(content)
    manifests.manifest_path(tmp_path, date(2026, 1, 13)).unlink()
    with pytest.raises(NotRestorable, match="the archive has"):
        restoring.restore(tmp_path, NAME, using="default")
    assert Segment.objects.get(name=NAME).state == "removed"
    assert not Hold.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_regclass('{NAME}')")
        assert cursor.fetchone() == (None,)


def test_a_segment_without_events_needs_no_files(tmp_path: Path) -> None:
    empty = Segment(name="presence_event_stays_none", part="stays")
    assert archiving.archive(tmp_path, empty, using="default") is None
    assert list(tmp_path.iterdir()) == []


def test_days_at_the_edges_of_a_segment_are_archived_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event in the instant of midnight can be in the day beside it."""
    monkeypatch.setattr(archiving.segments, "days_of", lambda segment: (date(2026, 1, 11), date(2026, 1, 13)))
    archiving.archive(tmp_path, Segment.objects.get(name=NAME), using="default")
    assert manifests.days(tmp_path) == [date(2026, 1, day) for day in (10, 11, 12, 13)]


def test_only_what_was_removed_is_restored(tmp_path: Path) -> None:
    run(tmp_path, date(2026, 4, 2))
    segment = Segment.objects.get(name=NAME)

    def refused(name: str, match: str) -> None:
        with pytest.raises(NotRestorable, match=match):
            restoring.restore(tmp_path, name, using="default")
        assert Segment.objects.get(name=NAME).state == "removed"

    other = Segment.objects.create(name="presence_event_stays_other", part="stays", state="removed")
    refused(other.name, "no record")
    other.delete()
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {NAME} ()")
    refused(NAME, "exists")
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {NAME}")
    last_at = segment.last_at
    Segment.objects.filter(name=NAME).update(last_at=at(1, 12))
    refused(NAME, "positions or times")
    Segment.objects.filter(name=NAME).update(last_at=last_at)
    holds.place(restoring.hold_of(NAME), using="default")
    refused(NAME, "in force")
    holds.release(restoring.hold_of(NAME), using="default")
    assert restoring.restore(tmp_path, NAME, using="default") == 4
