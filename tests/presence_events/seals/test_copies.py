"""Copies of seals in files and directories."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_init
from django.test.utils import CaptureQueriesContext

from presence_events.exceptions import CopyDiffers, InvalidSeal
from presence_events.models import StoredSeal
from presence_events.seals import copies
from presence_events.seals.copies import SealCopy, add_to_directory, append, read
from presence_events.seals.sealing import seal
from presence_events.seals.signing import Signer
from presence_events.seals.verifying import verify
from projections.models import Room
from tests.seals import attack, key_pair

pytestmark = pytest.mark.django_db(transaction=True)

Publish = Callable[[Path], list[int]]


def to_file(directory: Path) -> list[int]:
    return list(append(directory / "seals", using="default"))


def to_directory(directory: Path) -> list[int]:
    (directory / "seals").mkdir(exist_ok=True)
    last = max((int(path.stem) for path in (directory / "seals").iterdir()), default=0)
    return list(add_to_directory(directory / "seals", last, using="default"))


both = pytest.mark.parametrize("publish", [to_file, to_directory])


def make_seal(signer: Signer | None = None) -> None:
    Room.objects.add("room", str(StoredSeal.objects.count()))
    assert len(seal("default", signer=signer)) == 1


def content(path: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in (path.iterdir() if path.is_dir() else [path])}


def in_database() -> list[SealCopy]:
    return [SealCopy.of(stored) for stored in StoredSeal.objects.all()]


@both
def test_new_seals_are_added(publish: Publish, tmp_path: Path) -> None:
    signer = Signer(key_pair(tmp_path).private)
    for number, by in enumerate([None, signer], 1):
        make_seal(by)
        assert publish(tmp_path) == [number]
    assert publish(tmp_path) == []
    assert read(tmp_path / "seals") == in_database()
    assert [each.public_key for each in read(tmp_path / "seals")] == [None, signer.public_key]


@both
def test_a_copy_of_other_seals_is_left_as_it_is(publish: Publish, tmp_path: Path) -> None:
    make_seal()
    publish(tmp_path)
    before = content(tmp_path / "seals")
    attack("DELETE FROM presence_seal")
    with pytest.raises(CopyDiffers, match="It has another seal 1"):
        publish(tmp_path)
    seal("default")
    with pytest.raises(CopyDiffers, match="It has another seal 1"):
        publish(tmp_path)
    assert content(tmp_path / "seals") == before


@both
@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_seal_that_was_not_finished_is_finished(publish: Publish, kept: int, tmp_path: Path) -> None:
    """A process was killed while it wrote the second seal."""
    for _ in range(2):
        make_seal()
        publish(tmp_path)
    path = tmp_path / "seals"
    complete = content(path)
    last = path / "000000000002.json" if path.is_dir() else path
    line = in_database()[1].line.encode()
    last.write_bytes(last.read_bytes().removesuffix(line) + line[:kept])
    if path.is_dir():
        assert list(add_to_directory(path, 1, using="default")) == [2]
    else:
        assert publish(tmp_path) == [2]
    assert content(path) == complete


@both
def test_the_beginning_of_another_seal_is_not_finished(publish: Publish, tmp_path: Path) -> None:
    make_seal()
    publish(tmp_path)
    path = tmp_path / "seals"
    last = path / "000000000001.json" if path.is_dir() else path
    last.write_bytes(b'{"seal": "another')
    with pytest.raises((CopyDiffers, InvalidSeal)):
        publish(tmp_path)
    assert last.read_bytes() == b'{"seal": "another'


def test_the_beginning_of_a_seal_that_is_not_in_the_database_is_found(tmp_path: Path) -> None:
    make_seal()
    to_file(tmp_path)
    with (tmp_path / "seals").open("a") as file:
        file.write('{"seal"')
    with pytest.raises(CopyDiffers, match="the beginning of another seal"):
        to_file(tmp_path)


def test_a_directory_that_has_another_file_of_a_seal_is_left_as_it_is(tmp_path: Path) -> None:
    make_seal()
    make_seal()
    (tmp_path / "000000000002.json").write_text("another")
    with pytest.raises(CopyDiffers, match="It has another seal 2"):
        list(add_to_directory(tmp_path, 0, using="default"))
    assert (tmp_path / "000000000002.json").read_text() == "another"


def test_a_directory_without_the_last_seal_gets_those_that_are_missing(tmp_path: Path) -> None:
    for _ in range(3):
        make_seal()
    list(add_to_directory(tmp_path, 0, using="default"))
    (tmp_path / "000000000001.json").unlink()
    (tmp_path / "000000000003.json").unlink()
    for path in tmp_path.iterdir():
        path.chmod(0o400)
    assert list(add_to_directory(tmp_path, 3, using="default")) == [1, 2, 3]
    assert read(tmp_path) == in_database()


def test_a_missing_directory_is_not_created(tmp_path: Path) -> None:
    """It may be that a file system is not mounted."""
    make_seal()
    with pytest.raises(FileNotFoundError):
        list(add_to_directory(tmp_path / "missing", 0, using="default"))


def bytes_read() -> int:
    """Returns the bytes that this thread has read from files."""
    fields = dict(line.split(": ") for line in Path("/proc/thread-self/io").read_text().splitlines())
    return int(fields["rchar"])


@contextmanager
def instances(model: type[Model]) -> Iterator[list[Any]]:
    """Yields the instances of a model that are made in the block."""
    made: list[Any] = []

    def add(instance: Any, **kwargs: Any) -> None:
        made.append(instance)

    post_init.connect(add, sender=model)
    yield made
    post_init.disconnect(add, sender=model)


@both
def test_adding_a_seal_costs_the_same_however_many_there_are(
    publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "MAX_LINE", 1000)
    costs = []
    for number in range(1, 41):
        make_seal()
        before = bytes_read()
        with CaptureQueriesContext(connection) as queries, instances(StoredSeal) as made:
            assert publish(tmp_path) == [number]
        costs.append((len(queries), len(made), bytes_read() - before))
    assert costs[-1][:2] == costs[1][:2] == (2, 2)
    assert costs[-1][2] < costs[1][2] + 1000
    assert len("".join(each.line for each in in_database())) > 10_000


def test_a_copy_whose_beginning_was_changed_is_appended_to_and_found_by_the_verification(tmp_path: Path) -> None:
    make_seal()
    make_seal()
    to_file(tmp_path)
    first, second = in_database()
    forged = first._replace(seal=first.seal._replace(up_to=first.seal.up_to + 1))
    (tmp_path / "seals").write_text(forged.line + second.line)
    make_seal()
    assert to_file(tmp_path) == [3]
    (finding,) = verify("default", copy=read(tmp_path / "seals")).findings
    assert finding.text == "Seal 1 differs from the copy."


def test_processes_that_append_at_the_same_time_add_each_seal_once(tmp_path: Path) -> None:
    for _ in range(20):
        make_seal()

    def alone() -> None:
        try:
            to_file(tmp_path)
        finally:
            connection.close()

    threads = [Thread(target=alone) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(tmp_path / "seals") == in_database()


LINES = [
    "{",
    "1",
    "{}",
    json.dumps({"seal": "x", "signature": None, "public_key": None}),
    '{"seal": 1, "signature": "g"}',
]


@pytest.mark.parametrize("line", LINES)
def test_a_line_that_is_no_seal_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "seals"
    path.write_text(f"{line}\n")
    with pytest.raises(InvalidSeal, match=f"Line 1 of {path}"):
        read(path)
    with pytest.raises(InvalidSeal, match=f"The last line of {path}"):
        to_file(tmp_path)
    (tmp_path / "1.json").write_text(f"{line}\n")
    with pytest.raises(InvalidSeal, match=f"{tmp_path / '1.json'}"):
        read(tmp_path)


def test_a_last_line_that_is_too_long_is_no_seal(tmp_path: Path) -> None:
    (tmp_path / "seals").write_text(f"{'x' * (copies.MAX_LINE + 1)}\n")
    with pytest.raises(InvalidSeal, match="The last line"):
        to_file(tmp_path)
