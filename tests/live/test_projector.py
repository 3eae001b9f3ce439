"""Two workers in separate processes. The leader is killed while it delivers many events."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from presence_events.models import Checkpoint, PresenceEvent
from presence_events.recorder import Draft, record
from tests.live.servers import database_url
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def by_worker(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a worker. It prints to ``output`` in the folder of the test, and its receiver writes to ``received``."""
    workers: list[subprocess.Popen[bytes]] = []
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "DJANGO_SETTINGS_MODULE": "tests.live.worker_settings",
        "PRESENCE_RECEIVED": str(tmp_path / "received"),
        "PYTHONUNBUFFERED": "1",
    }

    def start() -> subprocess.Popen[bytes]:
        with (tmp_path / "output").open("ab") as output:
            command = [sys.executable, "-W", "error", "-m", "django", "run_projector"]
            workers.append(
                subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
            )
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()
        worker.wait()
    print((tmp_path / "output").read_text())


def received(folder: Path) -> list[tuple[int, ...]]:
    """Returns process id, position and session of each event that was received so far."""
    file = folder / "received"
    lines = file.read_text().splitlines() if file.exists() else []
    return [tuple(int(number) for number in line.split()[:3]) for line in lines]


@pytest.mark.usefixtures("by_worker")
def test_when_the_leader_is_killed_the_standby_misses_nothing(
    start: Callable[[], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    output = tmp_path / "output"
    leader = start()
    wait_until(lambda: Checkpoint.objects.exists() and "Following" in output.read_text())
    standby = start()
    wait_until(lambda: "Standing by." in output.read_text())

    def join_and_leave(number: int) -> None:
        channels = [f"channel-{number}-{each}" for each in range(500)]
        for kind in ("join", "leave"):
            record([Draft(kind, f"room-{number % 3}", channel) for channel in channels])

    for number in range(4):
        join_and_leave(number)
    wait_until(lambda: len(received(tmp_path)) > 500)
    leader.send_signal(signal.SIGKILL)
    assert leader.wait() == -signal.SIGKILL
    join_and_leave(4)

    everything = set(PresenceEvent.objects.values_list("id", flat=True))
    wait_until(lambda: {position for _, position, _ in received(tmp_path)} == everything)
    assert {process for process, _, _ in received(tmp_path)} == {leader.pid, standby.pid}
    # Each process received the events of a stay in the order of the log, including repeated ones.
    by_session = defaultdict(list)
    for process, position, session in received(tmp_path):
        by_session[process, session].append(position)
    assert all(positions == sorted(positions) for positions in by_session.values())

    standby.send_signal(signal.SIGTERM)
    assert standby.wait(10) == 0
    assert output.read_text().endswith("Stopped.\n")
