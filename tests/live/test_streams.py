"""The examples of docs/howto/streams.md: no event is lost, whichever end is killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.live.chaos.processes import Valkey
from tests.sites import ROOT, Site
from tests.waiting import wait_until

HANDLERS = """
    import json

    def handle_change(change):
        with open("handled.jsonl", "a", buffering=1) as file:
            file.write(json.dumps(change) + "\\n")
"""

RECORD = """
    import threading, time
    from django.db import connection, transaction
    from projections.models import Presence, Room

    def record(thread):
        for number in range(60):
            with transaction.atomic():
                for step in range(3):
                    Room.objects.add(f"room-{step}", f"{thread}.{number}.{step}", data={"n": number})
                    Presence.objects.touch(f"{thread}.{number}.{step}", {"n": step})
            Presence.objects.leave_all(f"{thread}.{number}.1")
            time.sleep(0.1)
        connection.close()

    threads = [threading.Thread(target=record, args=(thread,)) for thread in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""

POSITIONS = """
    from presence_events.models import PresenceEvent
    streamed = PresenceEvent.objects.of_rooms().exclude(kind="touch", data__isnull=True)
    print(list(streamed.values_list("id", flat=True)))
"""


class Restarted:
    """A command of the site that is started again whenever it has ended, as by a service manager."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        self._directory = directory
        self._arguments = arguments
        self._ends = False
        self._thread = threading.Thread(target=self._run)
        self._process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[Restarted]:
        self._thread.start()
        try:
            yield self
        finally:
            self._ends = True
            while self._thread.is_alive():
                self.kill()
                self._thread.join(0.1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    def _run(self) -> None:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": os.pathsep.join([str(self._directory), str(ROOT)]),
        }
        while not self._ends:
            with (self._directory / f"{self._arguments[0]}.log").open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "django", *self._arguments],
                    cwd=self._directory,
                    env=environment,
                    stderr=log,
                )
            self._process.wait()
            time.sleep(0.05)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    valkey = Valkey(persistent=True)
    valkey.start()
    yield valkey
    valkey.remove()


@pytest.fixture
def directory(site: Site, valkey: Valkey, tmp_path: Path) -> Path:
    """A site with the code of the page, and an empty log that both streams follow from its start."""
    for block in blocks("docs/howto/streams.md", "python"):
        comment, code = block.split("\n", 1)
        site.write(comment.removeprefix("# "), code)
    site.write("mysite/handlers.py", HANDLERS)
    site.configure("mysite", STREAM_URL=valkey.url)
    site.run("""
        from django.core.management import call_command
        from presence_events import checkpoints
        from presence_events.tail import Mark
        call_command("migrate", verbosity=0)
        for name in "valkey", "file":
            checkpoints.reset(name, Mark.after(0, "default"), using="default")
    """)
    return tmp_path


def positions(path: Path) -> list[int]:
    """Returns the positions in a file of changes, without incomplete lines."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            change = json.loads(line)
        except ValueError:
            continue
        assert (change["op"], change["before"]) == ("c", None)
        found.append(change["after"]["id"])
    return found


def record_while(site: Site, faults: Iterator[Callable[[], Any]]) -> set[int]:
    """Records in three threads, and causes ``faults`` meanwhile. Returns the positions of the log."""
    with ThreadPoolExecutor(1) as executor:
        recording = executor.submit(site.run, RECORD)
        caused = 0
        while not recording.done() or caused < 5:
            time.sleep(random.uniform(0.3, 0.8))
            next(faults)()
            caused += 1
        recording.result()
    return set(json.loads(site.run(POSITIONS)))


def test_nothing_is_lost_between_the_log_and_a_consumer_of_valkey(site: Site, directory: Path, valkey: Valkey) -> None:
    handled = directory / "handled.jsonl"
    stream, consumer = Restarted(directory, "stream_to_valkey"), Restarted(directory, "read_presence")

    def restart_valkey() -> None:
        valkey.kill()
        time.sleep(0.5)  # events are read meanwhile, and cannot be sent
        valkey.start()

    faults = cycle([restart_valkey, stream.kill, consumer.kill])
    with stream.running(), consumer.running():
        wanted = record_while(site, faults)
        wait_until(lambda: wanted <= set(positions(handled)))
    assert wanted == set(positions(handled))


def test_nothing_is_lost_between_the_log_and_a_file(site: Site, directory: Path) -> None:
    stream = Restarted(directory, "stream_to_file", "changes.jsonl")
    with stream.running():
        wanted = record_while(site, cycle([stream.kill]))
        wait_until(lambda: wanted <= set(positions(directory / "changes.jsonl")))
    assert wanted == set(positions(directory / "changes.jsonl"))
