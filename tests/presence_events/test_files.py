"""Files that appear once they are complete."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from presence_events.files import new_file, parts_of


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with new_file(path) as file:
        file.write(b"new")
        assert not path.exists()
        assert len(parts_of(path)) == 1
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o604)
    with new_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


def test_after_an_error_everything_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), new_file(path) as file:
        file.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_directory_that_cannot_be_opened_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    with new_file(tmp_path / "file") as file:
        file.write(b"new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"new"


def test_only_parts_of_the_same_file_are_found(tmp_path: Path) -> None:
    for name in (".a.json.1.part", ".a.json.2", "a.json.1.part", ".b.json.1.part", "a.json"):
        (tmp_path / name).touch()
    assert [path.name for path in parts_of(tmp_path / "a.json")] == [".a.json.1.part"]
