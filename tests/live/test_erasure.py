"""Erasing a person on a server of its own: processes that are killed, and what is in the files of the database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.live.databases import Cluster

MARKER = "a-secret-of-the-person"
HISTORY = f"""
import django
django.setup()
from django.contrib.auth import get_user_model
from projections.models import Presence, Room
users = get_user_model().objects
user, other = users.create_user("ada"), users.create_user("grace")
for number in range(300):
    Room.objects.add("room", f"a.{{number}}", user, {{"text": f"{MARKER} {{number}}"}})
    Presence.objects.touch(f"a.{{number}}", {{"text": f"{MARKER} again {{number}}"}})
    Room.objects.add("room", f"b.{{number}}", other, {{"text": f"another {{number}}"}})
Presence.objects.leave_user(user, "{MARKER} at the end")
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("erasure")).running() as cluster:
        yield cluster


@pytest.fixture
def person(cluster: Cluster) -> str:
    """The key of a person with a sealed history in a new database."""
    cluster.use_new_database()
    cluster.run("-c", HISTORY)
    manage(cluster, "presence_seal")
    ((key,),) = cluster.query("SELECT DISTINCT user_id::text FROM presence_event WHERE channel_name = 'a.0'")
    return str(key)


def manage(cluster: Cluster, *arguments: str) -> str:
    """Runs a command, which has to succeed. Returns its output."""
    command = [sys.executable, "-m", "django", *arguments]
    done = subprocess.run(command, env=cluster.environment(), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files_with(cluster: Cluster, text: str) -> list[Path]:
    """Returns the files of tables, indexes and catalogs that have ``text``."""
    ((directory,),) = cluster.query("SELECT current_setting('data_directory')")
    return [
        path for path in Path(directory, "base").rglob("*") if path.is_file() and text.encode() in path.read_bytes()
    ]


def run(cluster: Cluster, statement: str) -> None:
    """Runs a statement that has no result."""
    with psycopg.connect(cluster.url(), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def test_no_file_of_the_database_has_the_data_of_an_erased_person(cluster: Cluster, person: str) -> None:
    run(cluster, "ANALYZE")
    run(cluster, "CHECKPOINT")
    assert len(files_with(cluster, MARKER)) > 1
    manage(cluster, "presence_erase", person)
    for statement in ("ANALYZE", "VACUUM FULL", "CHECKPOINT"):
        run(cluster, statement)
    assert files_with(cluster, MARKER) == []
    assert files_with(cluster, "another 7") != []
    assert "integrity     no findings" in manage(cluster, "presence_verify")


def test_a_killed_erasure_is_completed_by_the_next_run(cluster: Cluster, person: str) -> None:
    command = [sys.executable, "-m", "django", "presence_erase", person]
    for number in range(4):
        process = subprocess.Popen(command, env=cluster.environment(), stdout=subprocess.DEVNULL)
        before = len(cluster.query("SELECT FROM presence_erasing"))
        deadline = time.monotonic() + 60
        # It dies as soon as it has begun, and later each time.
        while process.poll() is None and not before and time.monotonic() < deadline:
            before = len(cluster.query("SELECT FROM presence_erasing"))
        time.sleep(0.03 * number)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(60)
        manage(cluster, "presence_verify")
        manage(cluster, "replay_presence", "--check")
    manage(cluster, "presence_erase", person)
    assert cluster.query("SELECT FROM presence_erasing") == []
    ((left, pseudonyms),) = cluster.query(
        "SELECT count(*) FILTER (WHERE data::text ~ 'secret'), "
        "count(DISTINCT user_id) FILTER (WHERE commitment IS NOT NULL) FROM presence_event"
    )
    assert (left, pseudonyms) == (0, 1)
    manage(cluster, "presence_seal")
    manage(cluster, "presence_verify")
