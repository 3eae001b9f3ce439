"""Every damage to an archive is found."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.db import connection

from presence_events.archive import manifests, verifying, writing
from presence_events.archive.manifests import Manifest
from presence_events.archive.verifying import verify
from presence_events.exceptions import ArchiveDamaged, ArchiveNotInstalled
from presence_events.models import PresenceEvent
from tests import backdating
from tests.archives import A_DAY

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = [
    f"{day}.{kind}" for day in (DAY, DAY + A_DAY) for kind in ("joins-and-ends.parquet", "touches.parquet", "json")
]


@pytest.fixture
def archive(tmp_path: Path, user: Any) -> Path:
    """An archive of three days. The second one has three touches, the last one is empty."""
    backdating.write(
        backdating.Stay("lobby", "a", user, NOON, NOON + HOUR, last_seen=NOON + HOUR / 2),
        *(
            backdating.Stay("lobby", f"b{number}", None, NOON + 20 * HOUR, NOON + 30 * HOUR, last_seen=NOON + 25 * HOUR)
            for number in range(3)
        ),
    )
    writing.write(tmp_path, using="default", start=DAY, end=DAY + 3 * A_DAY)
    assert verify(tmp_path) == verify(tmp_path, using="default") == []
    return tmp_path


def flip(path: Path, position: int) -> None:
    text = bytearray(path.read_bytes())
    text[position] ^= 1
    path.write_bytes(text)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a bit at the start": lambda path: flip(path, 0),
    "a bit in the middle": lambda path: flip(path, path.stat().st_size // 2),
    "a bit near the end": lambda path: flip(path, -3),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b" "),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", NAMES)
def test_damage_to_each_file_is_found(archive: Path, name: str, damage: Callable[[Path], object]) -> None:
    damage(archive / name)
    problems = verify(archive)
    assert problems
    # Without a manifest, its files belong to no day.
    assert any(name.removesuffix("json") in problem for problem in problems)
    assert verify(archive, using="default")[: len(problems)] == problems


def test_each_byte_of_a_manifest_counts(archive: Path) -> None:
    path = archive / "2026-03-02.json"
    text = path.read_bytes()
    for position in range(len(text)):
        flip(path, position)
        with pytest.raises(ArchiveDamaged, match=r"2026-03-02\.json"):
            manifests.read(archive, DAY + A_DAY)
        path.write_bytes(text)
    assert verify(archive) == []


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format": 1}', "[" * 100_000, '{"format": 1, "files": 7}'])
def test_any_text_in_place_of_a_manifest_is_a_problem(archive: Path, text: str) -> None:
    (archive / "2026-03-01.json").write_text(text)
    assert any(problem.startswith("2026-03-01.json is not a manifest: ") for problem in verify(archive))


def test_a_manifest_of_a_later_format_is_not_read(archive: Path) -> None:
    path = archive / "2026-03-01.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    assert verify(archive) == ["2026-03-01.json has the format 2. This release reads the format 1."]


def test_a_manifest_of_another_day_is_a_problem(archive: Path) -> None:
    (archive / "2026-03-02.json").write_bytes((archive / "2026-03-01.json").read_bytes())
    assert verify(archive)[0] == "2026-03-02.json differs from what was written."


def test_a_manifest_names_no_other_files(archive: Path) -> None:
    manifest = manifests.read(archive, DAY)
    changed = (manifest.files[0]._replace(name="../2026-03-01.touches.parquet"), manifest.files[1])
    manifest._replace(files=changed).write(archive)
    assert verify(archive)[0] == "2026-03-01.json differs from what was written."


def test_files_that_belong_to_no_day_are_problems(archive: Path) -> None:
    for name in ("2026-02-28.touches.parquet", "notes.txt", ".2026-03-01.json.0123abcd.part"):
        (archive / name).touch()
    assert verify(archive) == [
        f"{name} is in the directory, and no manifest names it."
        for name in (".2026-03-01.json.0123abcd.part", "2026-02-28.touches.parquet", "notes.txt")
    ]


def test_a_missing_day_is_a_problem(archive: Path) -> None:
    for path in archive.glob("2026-03-02.*"):
        path.unlink()
    assert verify(archive) == ["2026-03-02 is missing, between two days of the archive."]


def rewritten(archive: Path, change: Callable[[Any], Any], name: str = "touches", day: date = DAY + A_DAY) -> Manifest:
    """Changes the rows of a file, and gives the manifest the new checksum."""
    manifest = manifests.read(archive, day)
    path = manifests.file_path(archive, day, name)
    pq.write_table(change(pq.read_table(path)), path)
    file = manifest.file(name)._replace(sha256=verifying.sha256(path), size=path.stat().st_size)
    manifest = manifest._replace(files=tuple(file if one.name == file.name else one for one in manifest.files))
    manifest.write(archive)
    return manifest


def test_rows_in_another_order_are_a_problem(archive: Path) -> None:
    rewritten(archive, lambda rows: rows.take([2, 1, 0]))
    assert verify(archive) == ["2026-03-02.touches.parquet: its events are not in the order of their positions."]


def test_rows_in_another_order_are_a_problem_across_parts(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = verifying.parquet.batches

    def one_by_one(path: Path) -> Any:
        for rows in whole(path):
            yield from (rows.slice(number, 1) for number in range(rows.num_rows))

    monkeypatch.setattr(verifying.parquet, "batches", one_by_one)
    assert verify(archive) == []
    rewritten(archive, lambda rows: rows.take([0, 2, 1]))
    assert verify(archive) == ["2026-03-02.touches.parquet: its events are not in the order of their positions."]


def test_a_missing_row_is_a_problem(archive: Path) -> None:
    rewritten(archive, lambda rows: rows.take([0, 1]))
    assert verify(archive) == [
        "2026-03-02.touches.parquet: events is {'touch': 2}, and the manifest says {'touch': 3}."
    ]


def test_events_of_other_kinds_are_a_problem(archive: Path) -> None:
    manifest = manifests.read(archive, DAY)
    rows = pq.read_table(archive / manifest.file("joins-and-ends").name)
    manifest = rewritten(archive, lambda _: rows, "touches", DAY)
    touches = manifest.file("touches")._replace(contents=manifest.file("joins-and-ends").contents)
    manifest._replace(files=(manifest.files[0], touches)).write(archive)
    assert verify(archive) == ["2026-03-01.touches.parquet: it has events of other kinds."]


@pytest.mark.parametrize("change", [{"start_position": 1}, {"end_position": -1}])
def test_positions_outside_of_the_range_are_a_problem(archive: Path, change: dict[str, int]) -> None:
    ((name, shift),) = change.items()
    manifest = manifests.read(archive, DAY)
    manifest._replace(**{name: getattr(manifest, name) + shift}).write(archive)
    assert "2026-03-01.joins-and-ends.parquet: it has positions that are not in the range of the day." in verify(
        archive
    )


def test_other_columns_are_a_problem(archive: Path) -> None:
    rewritten(archive, lambda rows: rows.drop_columns(["data"]))
    problem = "it cannot be read: its columns are not those of the format"
    assert verify(archive) == [f"2026-03-02.touches.parquet: {problem}."]


def test_ranges_that_do_not_adjoin_are_a_problem(archive: Path) -> None:
    manifest = manifests.read(archive, DAY + A_DAY)
    manifest._replace(end_position=manifest.end_position + 1).write(archive)
    end = manifest.end_position
    assert verify(archive) == [f"2026-03-03 begins at position {end}, but 2026-03-02 ends at {end + 1}."]


def tamper(statement: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")


class TestDatabase:
    def test_a_deleted_event_is_a_problem(self, archive: Path) -> None:
        tamper("DELETE FROM presence_event WHERE kind = 'touch' AND at < '2026-03-02'")
        assert verify(archive) == []
        assert verify(archive, using="default") == [
            "2026-03-01.touches.parquet: it has 1 events, and the database has 0."
        ]

    def test_an_event_at_another_position_is_a_problem(self, archive: Path) -> None:
        first, second = PresenceEvent.objects.filter(kind="leave").order_by("id").values_list("id", flat=True)[:2]
        tamper("DELETE FROM presence_event WHERE id = %s", first)
        tamper("UPDATE presence_event SET kind = 'leave', last_seen = at WHERE id = %s", first + 1)
        problems = verify(archive, using="default")
        assert second > first + 1
        assert any(problem.startswith("2026-03-01.joins-and-ends.parquet: it has 2") for problem in problems)

    def test_the_same_number_at_other_positions_is_a_problem(self, archive: Path) -> None:
        last = manifests.read(archive, DAY + A_DAY).file("touches").contents.last_position
        tamper("UPDATE presence_event SET kind = 'leave' WHERE id = %s", last)
        tamper("UPDATE presence_event SET kind = 'touch' WHERE id = %s", last + 1 if last else 0)
        start = manifests.read(archive, DAY + A_DAY).start_position - 1
        assert verify(archive, using="default") == [
            f"2026-03-02.{kind}.parquet: positions after {start} differ from those of the database."
            for kind in ("joins-and-ends", "touches")
        ]


def test_progress_is_reported(archive: Path) -> None:
    reports: list[Any] = []
    verify(archive, report=lambda *report: reports.append(report))
    assert reports == [(f"Verified {DAY + number * A_DAY}", number + 1, 3) for number in range(3)]


def test_an_empty_directory_has_no_problems(tmp_path: Path) -> None:
    assert verify(tmp_path) == []


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        verify(tmp_path / "nowhere")


def test_without_the_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ArchiveNotInstalled):
        verify(tmp_path)
