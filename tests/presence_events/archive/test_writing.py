"""Days of the log in Parquet files: all of it, in pinned types, complete also after a kill."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from presence_events.archive import manifests, parquet, verifying, writing
from presence_events.exceptions import ArchiveDamaged, ArchiveNotInstalled, DayNotArchivable
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position
from presence_events.recorder import Draft, record
from tests import archives, backdating, unreadable
from tests.archives import A_DAY
from tests.concurrency.conftest import DatabaseConnection, new_connection
from tests.projections.management.test_export_presence import Process
from tests.projections.replay.histories import record_history

__all__ = ["new_connection"]

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

in_the_test = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def history(db: None, user: Any) -> None:
    """Stays over three days, the second of which is empty."""
    backdating.write(
        backdating.Stay("lobby", "a", user, NOON, NOON + HOUR, last_seen=NOON + HOUR / 2, data={"device": "phone"}),
        backdating.Stay("lobby", "b", None, NOON + 2 * HOUR, NOON + 50 * HOUR, "prune", reason="silent"),
        backdating.Stay("hall", "c", user, NOON + 51 * HOUR, last_seen=NOON + 52 * HOUR),
        backdating.RoomPruned("lobby", NOON + 53 * HOUR),
    )


def write(directory: Path, start: date = DAY, days: int = 3, **options: Any) -> list[manifests.Manifest]:
    return writing.write(directory, using="default", start=start, end=start + days * A_DAY, **options)


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def positions() -> list[int]:
    return list(PresenceEvent.objects.order_by("id").values_list("id", flat=True))


class TestRows:
    @committed
    def test_every_kind_of_event_is_read_back_unchanged(self, tmp_path: Path, user: Any) -> None:
        record_history(user)
        archives.age()
        archives.archive(tmp_path)
        rows = archives.in_log()
        assert {(row["kind"], bool(row["room"]), row["channel_name"] is None) for row in rows} == {
            ("join", True, False),
            ("touch", True, False),
            ("touch", False, True),  # a beat
            ("leave", True, False),
            ("prune", True, True),  # of a room
            ("prune", False, True),  # the end of a lease
        }
        for column in ("user_id", "session", "last_seen", "data", "process", "is_leased", "capacity", "is_exclusive"):
            assert {row[column] is None for row in rows} == {True, False}
        assert archives.files(tmp_path) == rows
        assert verifying.verify(tmp_path, using="default") == []

    @in_the_test
    @pytest.mark.parametrize("text", archives.HOSTILE)
    def test_names_that_only_sql_can_insert_are_read_back_unchanged(self, tmp_path: Path, text: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name, process, data) "
                "VALUES ('join', %s, %s, %s, to_jsonb(%s::text))",
                [text] * 4,
            )
        archives.age()
        archives.archive(tmp_path)
        (row,) = archives.files(tmp_path)
        assert [row] == archives.in_log()
        assert (row["room"], row["channel_name"], row["process"], json.loads(row["data"])) == (text,) * 4

    @in_the_test
    @pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
    def test_data_that_python_cannot_read_is_archived_as_it_is(self, tmp_path: Path, text: str) -> None:
        record([Draft("join", "room", "channel")])
        unreadable.set_data(text)
        archives.age()
        archives.archive(tmp_path)
        assert archives.files(tmp_path) == archives.in_log()

    @in_the_test
    def test_data_may_be_longer_than_the_memory_for_lines(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parquet, "_MAX_BYTES", 1000)
        record([Draft("join", "room", f"channel{number}", data="\n" * 900) for number in range(20)])
        unreadable.set_data(json.dumps("x" * 3_000_000), where="channel_name = 'channel7'")
        archives.age()
        archives.archive(tmp_path)
        assert archives.files(tmp_path) == archives.in_log()
        assert verifying.verify(tmp_path, using="default") == []

    @in_the_test
    def test_an_empty_text_is_not_null(self, tmp_path: Path) -> None:
        backdating.write(backdating.Stay("", "", None, NOON))
        write(tmp_path, days=1)
        (row,) = archives.files(tmp_path)
        assert (row["room"], row["channel_name"], row["process"]) == ("", "", None)

    @pytest.mark.usefixtures("history")
    def test_times_are_the_same_in_any_time_zone_of_the_database(self, tmp_path: Path) -> None:
        write(tmp_path / "utc")
        with connection.cursor() as cursor:
            cursor.execute("SET TIME ZONE 'Asia/Kathmandu'")
            write(tmp_path / "kathmandu")
            cursor.execute("SET TIME ZONE 'UTC'")
        assert contents(tmp_path / "utc") == contents(tmp_path / "kathmandu")


class TestFiles:
    @pytest.mark.usefixtures("history")
    def test_a_day_has_a_file_of_touches_and_one_of_the_rest(self, tmp_path: Path) -> None:
        write(tmp_path, days=1)
        names = ["2026-03-01.joins-and-ends.parquet", "2026-03-01.json", "2026-03-01.touches.parquet"]
        assert list(contents(tmp_path)) == names
        assert pq.read_table(tmp_path / names[0]).column("kind").to_pylist() == ["join", "leave", "join"]
        assert pq.read_table(tmp_path / names[2]).column("kind").to_pylist() == ["touch"]

    @pytest.mark.usefixtures("history")
    def test_columns_have_pinned_types_and_are_compressed(self, tmp_path: Path) -> None:
        write(tmp_path, days=2)
        time = pa.timestamp("us", tz="UTC")
        expected = {
            "id": pa.int64(),
            "kind": pa.string(),
            "room": pa.string(),
            "channel_name": pa.string(),
            "user_id": pa.string(),
            "session": pa.int64(),
            "since": time,
            "last_seen": time,
            "data": pa.string(),
            "process": pa.string(),
            "is_leased": pa.bool_(),
            "capacity": pa.int32(),
            "is_exclusive": pa.bool_(),
            "at": time,
            "tx": pa.int64(),
            "day": pa.date32(),
            "commitment": pa.string(),
        }
        for path in tmp_path.glob("*.parquet"):
            with pq.ParquetFile(path) as file:
                assert dict(zip(file.schema_arrow.names, file.schema_arrow.types, strict=True)) == expected
                groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
            assert {group.column(0).compression for group in groups} <= {"ZSTD"}
            assert bool(groups) == ("2026-03-01" in path.name)

    @pytest.mark.usefixtures("history")
    def test_the_manifest_says_what_the_files_contain(self, tmp_path: Path) -> None:
        first, empty, last = write(tmp_path)
        join, touch, _, other_join, *later = positions()
        assert first.file("joins-and-ends").contents == manifests.Contents(
            {"join": 2, "leave": 1}, join, other_join, NOON, NOON + 2 * HOUR
        )
        assert first.file("touches").contents == manifests.Contents(
            {"touch": 1}, touch, touch, NOON + HOUR / 2, NOON + HOUR / 2
        )
        assert [file.contents for file in empty.files] == [manifests.Contents({}, None, None, None, None)] * 2
        assert (empty.start_position, empty.end_position, empty.total()) == (later[0], later[0], 0)
        assert [one.total() for one in (first, last)] == [4, 4]
        assert json.loads((tmp_path / "2026-03-01.json").read_text())["format"] == 1
        for manifest in (first, empty, last):
            assert manifests.read(tmp_path, manifest.day) == manifest
            for file in manifest.files:
                assert verifying.sha256(tmp_path / file.name) == file.sha256

    @in_the_test
    def test_an_empty_log_gives_empty_days(self, tmp_path: Path) -> None:
        (manifest,) = write(tmp_path, days=1)
        assert (manifest.start_position, manifest.end_position, manifest.total()) == (1, 1, 0)
        assert verifying.verify(tmp_path, using="default") == []

    @in_the_test
    def test_rows_are_divided_into_groups(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet, "_MAX_ROWS", 4)
        archives.one_touch_each_millisecond(DAY, first=1, count=10)
        reports: list[tuple[str, int, int]] = []
        (manifest,) = write(tmp_path, days=1, report=lambda *report: reports.append(report))
        with pq.ParquetFile(tmp_path / manifest.file("touches").name) as file:
            assert [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)] == [4, 4, 2]
        assert archives.files(tmp_path) == archives.in_log()
        assert [done for _, done, _ in reports] == [10, 13, 17, 19, 20]
        assert {total for _, _, total in reports} == {20}
        assert reports[-1][0] == "Archiving touches of 2026-03-01"
        assert verifying.verify(tmp_path) == []


class TestRanges:
    @pytest.mark.usefixtures("history")
    def test_days_adjoin_in_whatever_order_they_are_written(self, tmp_path: Path) -> None:
        for number in (2, 0, 1):
            write(tmp_path, DAY + number * A_DAY, days=1)
        found = list(manifests.read_all(tmp_path).values())
        first, *_, later, _, _, last = positions()
        assert [(one.start_position, one.end_position) for one in found] == [
            (first, later),
            (later, later),
            (later, last + 1),
        ]
        assert archives.files(tmp_path) == archives.in_log()

    @in_the_test
    def test_each_event_is_in_one_day_although_the_clock_was_set_back(self, tmp_path: Path) -> None:
        midnight = datetime(2026, 3, 2, tzinfo=UTC)
        for minutes in (-20, -10, 5, -8, 15, -30, 20):
            time = midnight + timedelta(minutes=minutes)
            backdating.write(backdating.Stay("room", f"channel{minutes}", None, time, time + timedelta(seconds=1)))
        write(tmp_path, days=1)
        write(tmp_path, DAY + A_DAY, days=1)
        assert archives.files(tmp_path) == archives.in_log()
        assert verifying.verify(tmp_path, using="default") == []

    @in_the_test
    def test_events_of_a_day_that_come_late_are_in_the_next_one(self, tmp_path: Path) -> None:
        backdating.write(backdating.Stay("room", "early", None, NOON, NOON + HOUR))
        write(tmp_path, days=1)
        backdating.write(backdating.Stay("room", "late", None, NOON + 2 * HOUR, NOON + 25 * HOUR))
        write(tmp_path, DAY + A_DAY, days=1)
        assert archives.files(tmp_path) == archives.in_log()
        assert verifying.verify(tmp_path, using="default") == []


class TestRefusals:
    @in_the_test
    @pytest.mark.parametrize("days", [0, -1])
    def test_a_span_without_days(self, tmp_path: Path, days: int) -> None:
        with pytest.raises(DayNotArchivable, match="does not come after 2026-03-01"):
            write(tmp_path, days=days)

    @in_the_test
    def test_a_day_that_is_not_over(self, tmp_path: Path) -> None:
        today = timezone.now().astimezone(UTC).date()
        with pytest.raises(DayNotArchivable, match=rf"{today} can be archived from {today + A_DAY} 00:00:10 on"):
            write(tmp_path / "archive", today - A_DAY, days=2)
        assert not (tmp_path / "archive").exists()

    @committed
    def test_a_day_while_a_transaction_that_has_appended_is_open(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_connection: Callable[[], DatabaseConnection]
    ) -> None:
        monkeypatch.setattr(writing, "settled_position", partial(settled_position, timeout=0.05))
        other = new_connection()
        other.append("join")
        with pytest.raises(OperationalError, match="stays open"):
            write(tmp_path / "archive")
        other.rollback()
        assert not (tmp_path / "archive").exists()

    @pytest.mark.usefixtures("history")
    def test_a_day_with_events_that_are_not_settled(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(writing, "settled_position", lambda using: positions()[-2])
        with pytest.raises(DayNotArchivable, match="2026-03-03 has events that are not settled yet"):
            write(tmp_path / "archive")
        assert not (tmp_path / "archive").exists()
        assert len(write(tmp_path / "archive", days=2)) == 2

    @pytest.mark.parametrize("name", ["pyarrow", "pyarrow.parquet"])
    def test_without_the_packages(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ArchiveNotInstalled, match=r'pip install "django-presence-events\[archive\]"'):
            write(tmp_path)


def fail(monkeypatch: pytest.MonkeyPatch, step: int, *, after: bool) -> None:
    """Raises an error in the given renaming of a file, before or after it."""
    replace, count = Path.replace, iter(range(100))

    def failing(path: Path, target: Path) -> Any:
        number = next(count)
        if number == step and not after:
            raise RuntimeError
        result = replace(path, target)
        if number == step:
            raise RuntimeError
        return result

    monkeypatch.setattr(Path, "replace", failing)


KILLED = """
import os, sys
from datetime import date, timedelta
from pathlib import Path
import django
django.setup()
from presence_events.archive.writing import write
replace, steps = Path.replace, int(sys.argv[2])
def killing(path, target):
    global steps
    if not steps:
        os._exit(9)
    steps -= 1
    return replace(path, target)
Path.replace = killing
write(sys.argv[1], using="default", start=date(2026, 3, 1), end=date(2026, 3, 4))
"""


def _written(path: Path) -> tuple[int, int]:
    """Returns which file ``path`` is, and when it was written. Reading changes neither."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


class TestInterruptions:
    @pytest.mark.usefixtures("history")
    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("step", range(6))
    def test_an_error_at_any_step_leaves_what_the_next_call_completes(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, after: bool
    ) -> None:
        write(tmp_path / "whole")
        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            fail(patch, step, after=after)
            write(tmp_path / "archive")
        assert len(manifests.days(tmp_path / "archive")) == (step + after) // 3
        assert not list((tmp_path / "archive").glob(".*"))
        day = DAY + (step + after) // 3 * A_DAY
        incomplete = [manifests.file_path(Path(), day, kind).name for kind in manifests.KINDS][: (step + after) % 3]
        assert verifying.verify(tmp_path / "archive") == [
            f"{name} is in the directory, and no manifest names it." for name in incomplete
        ]
        write(tmp_path / "archive")
        assert contents(tmp_path / "archive") == contents(tmp_path / "whole")

    @committed
    @pytest.mark.usefixtures("history")
    @pytest.mark.parametrize("step", range(3))
    def test_a_process_that_is_killed_leaves_what_the_next_one_completes(self, tmp_path: Path, step: int) -> None:
        with Process(tmp_path / "archive", step, code=KILLED) as process:
            process.communicate(timeout=120)
        assert process.returncode == 9
        (tmp_path / "archive" / ".2026-03-01.json.0123abcd.part").write_text("{")
        assert any(path.name.endswith(".part") for path in (tmp_path / "archive").iterdir())
        write(tmp_path / "archive")
        write(tmp_path / "whole")
        assert contents(tmp_path / "archive") == contents(tmp_path / "whole")
        assert verifying.verify(tmp_path / "archive", using="default") == []

    @pytest.mark.usefixtures("history")
    def test_an_error_in_the_query_leaves_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def failing(rows: Any, write: Any, form: str) -> int:
            write(memoryview(b"id,kind\n"))
            raise OperationalError

        monkeypatch.setattr(writing.export, "copy", failing)
        with pytest.raises(OperationalError):
            write(tmp_path)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.usefixtures("history")
    def test_of_two_that_write_the_same_day_one_fails(self, tmp_path: Path) -> None:
        def other(what: str, done: int, total: int) -> None:
            if not manifests.days(tmp_path):
                write(tmp_path)

        with pytest.raises(FileNotFoundError):
            write(tmp_path, report=other)
        assert verifying.verify(tmp_path, using="default") == []
        assert archives.files(tmp_path) == archives.in_log()

    @pytest.mark.usefixtures("history")
    def test_a_complete_day_is_left_alone(self, tmp_path: Path) -> None:
        first = write(tmp_path, days=1)
        before = {path: _written(path) for path in tmp_path.iterdir()}
        assert write(tmp_path, days=1) == first
        assert write(tmp_path)[:1] == first
        assert {path: _written(path) for path in before} == before

    @pytest.mark.usefixtures("history")
    @pytest.mark.parametrize("name", ["touches.parquet", "joins-and-ends.parquet", "json"])
    def test_a_complete_day_that_is_damaged_is_refused(self, tmp_path: Path, name: str) -> None:
        write(tmp_path, days=1)
        path = tmp_path / f"2026-03-01.{name}"
        path.write_bytes(path.read_bytes()[:-1])
        before = contents(tmp_path)
        with pytest.raises(ArchiveDamaged, match=path.name):
            write(tmp_path)
        assert contents(tmp_path) == before


MEMORY = """
import sys
from datetime import date, timedelta
from pathlib import Path
import django
django.setup()
from presence_events.archive import parquet
from presence_events.archive.verifying import verify
from presence_events.archive.writing import write
parquet._MAX_ROWS = 10_000
day = date.fromisoformat(sys.argv[2])
write(sys.argv[1], using="default", start=day, end=day + timedelta(days=1))
assert verify(sys.argv[1], using="default") == []
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
print(peak.split()[1])
"""


@committed
def test_memory_does_not_grow_with_the_day(tmp_path: Path) -> None:
    archives.one_touch_each_millisecond(DAY, first=1, count=100_000)
    archives.one_touch_each_millisecond(DAY + A_DAY, first=100_001, count=400_000)
    peaks = []
    for number in range(2):
        with Process(tmp_path / str(number), DAY + number * A_DAY, code=MEMORY) as process:
            out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
        peaks.append(int(out))
    assert PresenceEvent.objects.count() == 500_000
    assert peaks[1] - peaks[0] < 24 * 1024, peaks
