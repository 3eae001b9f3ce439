"""Names of server processes, and which processes are known to have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from presence_events.processes import names
from presence_events.processes.names import has_ended, new_name
from tests.waiting import wait_until

PRINTS_ITS_NAME = "from presence_events.processes.names import new_name; print(new_name(), flush=True); input()"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")


@pytest.fixture
def other() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that runs, and its name."""
    with subprocess.Popen(
        [sys.executable, "-c", PRINTS_ITS_NAME], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.fixture
def fresh_machine() -> Iterator[None]:
    names._machine.cache_clear()
    yield
    names._machine.cache_clear()


def parts(name: str) -> list[str]:
    return name.split(":")


def test_a_name_has_the_host_and_the_process_and_is_unique() -> None:
    assert parts(new_name())[1] == str(os.getpid())
    assert new_name() != new_name()


def test_this_process_has_not_ended() -> None:
    assert not has_ended(new_name())


def test_a_process_has_ended_when_it_was_killed(other: Any) -> None:
    process, name = other
    assert not has_ended(name)
    process.kill()
    wait_until(lambda: has_ended(name))  # a zombie, since nothing has waited for it
    process.wait()
    assert has_ended(name)


def test_a_process_has_ended_if_its_id_belongs_to_a_later_one(other: Any) -> None:
    host, pid, origin, random = parts(other[1])
    machine, start = origin.split("-")
    assert has_ended(f"{host}:{pid}:{machine}-{int(start) - 1}:{random}")


@pytest.mark.parametrize(
    "name",
    [
        "host:999999999:f00f00f00f00-12:ffff",  # another machine, another boot or another PID namespace
        "host:999999999:ffff",  # a system that does not tell
        "host:999999999:-12:ffff",
        "host:999999999:12:ffff",
        "backup",
        "",
    ],
)
def test_nothing_is_known_of_processes_of_other_machines(name: str) -> None:
    assert not has_ended(name)


def test_a_name_with_an_impossible_process_id_is_tolerated() -> None:
    _, _, origin, random = parts(new_name())
    assert not has_ended(f"host:-1:{origin}:{random}")
    # Python refuses to read numbers of more than 4,300 digits.
    for digits in (9, 10, 11, 5000):
        assert has_ended(f"host:{'9' * digits}:{origin}:{random}")


def test_a_process_that_proc_hides_has_not_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = new_name()
    monkeypatch.setattr(names, "_PROC", tmp_path)  # as the mount option hidepid does
    assert not has_ended(name)
    monkeypatch.setattr(names.os, "kill", _refuse)  # a process of another user
    assert not has_ended(name)


def _refuse(pid: int, number: int) -> None:
    raise PermissionError


@pytest.mark.usefixtures("fresh_machine")
def test_without_proc_a_name_has_no_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_PROC", tmp_path)
    assert len(parts(new_name())) == 3
    assert not has_ended(f"host:999999999:{'f' * 12}-1:ffff")


@pytest.mark.usefixtures("fresh_machine")
def test_the_proc_of_another_namespace_gives_no_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("boot")
    (tmp_path / "1/ns").mkdir(parents=True)
    (tmp_path / "1/ns/pid").symlink_to("pid:[1]")
    (tmp_path / "self").symlink_to("1")
    monkeypatch.setattr(names, "_PROC", tmp_path)
    assert len(parts(new_name())) == 3
