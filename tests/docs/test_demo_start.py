"""What the demo does before it serves: its options, the progress of the installation, and data of deleted clones."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.postgres import embedded

DEMO = ROOT / "docs" / "demo"

sys.path.insert(0, str(DEMO))
import environment  # noqa: E402


def start(demo: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, demo / "run.py", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the demo without an environment."""
    place = tmp_path / "docs" / "demo"
    place.mkdir(parents=True)
    for file in DEMO.glob("*.py"):
        (place / file.name).write_bytes(file.read_bytes())
    return place


@pytest.mark.parametrize(
    ("argument", "status", "printed"),
    [("--help", 0, "--history"), ("--histroy", 2, "--histroy"), ("--port=web", 2, "'web'")],
)
def test_options_are_read_before_an_environment_is_made(copy: Path, argument: str, status: int, printed: str) -> None:
    done = start(copy, argument)
    assert done.returncode == status
    assert printed in done.stdout + done.stderr
    assert not (copy / ".demo").exists()


def test_a_long_command_shows_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["Collecting django>=5.2", "  Downloading it", "Installing collected packages: a, b"]
    code = f"import time\nfor line in {words}: print(line, flush=True); time.sleep(0.3)"
    environment.run_with_progress(sys.executable, "-c", code, interval=0.1)
    shown = capsys.readouterr().out
    assert "collecting django" in shown
    assert "installing" in shown
    assert shown.endswith("\n")


def test_a_long_command_that_fails_prints_its_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        environment.run_with_progress(sys.executable, "-c", "print('no such package'); raise SystemExit(3)")
    assert "no such package" in str(error.value)


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory for data that cannot be in a clone. Its path has to be short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o755)
        monkeypatch.setattr(embedded, "PRIVATE", place)
        yield place


def test_data_of_a_deleted_clone_is_removed_by_the_next_start(private: Path, tmp_path: Path) -> None:
    long = "x" * 90  # too long for a socket, so the data is elsewhere for every account
    clones = [tmp_path / name / long for name in ("deleted", "running", "kept")]
    deleted, running, kept = [embedded.Postgres(clone / "postgres") for clone in clones]
    strange = private / "presence-postgres-of-somebody"
    strange.mkdir()
    for server in (deleted, kept):
        with server.running():
            pass
    with running.running():
        for clone in clones[:2]:
            clone.rmdir()
        with kept.running():
            pass
        assert sorted(private.iterdir()) == sorted([running.home, kept.home, strange])
    running.remove()
    kept.remove()
