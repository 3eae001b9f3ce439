"""Replay while others append: it reads one snapshot, and loses no event that is appended meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay import ranges
from projections.replay import repair as repair_module
from projections.replay.repair import compare, repair
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold, live
from tests.live.servers import database_url
from tests.projections.replay.histories import tamper
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]
ROOMS = ["a", "b", "c"]
CHANNELS = ["1", "2", "3", "4", "5"]
HESITATES = """
CREATE FUNCTION hesitate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    RETURN NULL;
END;
$$;
CREATE TRIGGER hesitates AFTER UPDATE ON presence_open_stay FOR EACH ROW EXECUTE FUNCTION hesitate();
"""
"""A trigger that blocks a repair in the middle of its writes while another database connection holds the lock."""
_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _short_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_POSITIONS", 1000)


@contextmanager
def traffic() -> Iterator[None]:
    """Three connections join, touch and leave, until the end of the block."""
    stop = threading.Event()

    def work(seed: int) -> int:
        dice = random.Random(seed)
        done = 0
        try:
            while not stop.is_set():
                room, channel = dice.choice(ROOMS), dice.choice(CHANNELS)
                roll = dice.random()
                if roll < 0.4:
                    Room.objects.add(room, channel, data=dice.choice([None, done]))
                elif roll < 0.7:
                    Presence.objects.touch(channel, dice.choice([None, done]))
                elif roll < 0.95:
                    Room.objects.remove(room, channel)
                else:
                    Room.objects.prune_rooms()
                done += 1
        finally:
            connection.close()
        return done

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(work, seed) for seed in range(3)]
        try:
            wait_until(lambda: PresenceEvent.objects.count() > 50)
            yield
        finally:
            stop.set()
    assert all(each.result() for each in running)


def test_a_comparison_reads_one_snapshot_while_events_are_appended() -> None:
    with traffic():
        before = PresenceEvent.objects.count()
        for _ in range(30):
            assert compare("default") == []
        assert PresenceEvent.objects.count() > before
    assert_live_is_the_fold()


def test_damage_is_repaired_while_events_are_appended(new_connection: NewConnection) -> None:
    Room.objects.add("calm", "channel")
    vandal = new_connection()
    vandal.run("SET session_replication_role = replica")
    repaired = 0
    with traffic():
        while repaired < 10:
            vandal.run("UPDATE presence_open_stay SET data = '\"damaged\"' WHERE room = 'calm'")
            vandal.commit()
            repaired += bool(repair("default").differences)
    repair("default")
    assert_live_is_the_fold()
    assert not Presence.objects.filter(data="damaged").exists()


def test_a_process_that_is_killed_in_the_middle_of_a_repair_changes_nothing(
    a: DatabaseConnection, tmp_path: Path
) -> None:
    for channel in CHANNELS:
        Room.objects.add("room", channel)
    tamper(
        "DELETE FROM presence_open_stay WHERE channel_name = '1'",
        "UPDATE presence_open_stay SET data = '1' WHERE channel_name = '5'",
    )
    wrong = live()
    a.run("SELECT pg_advisory_lock(42)")
    with connection.cursor() as cursor:
        cursor.execute(HESITATES)
    replaying = subprocess.Popen(
        [sys.executable, "-m", "django", "replay_presence", "--settings", "tests.settings"],
        cwd=_ROOT,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_waited_for(a))
        replaying.send_signal(signal.SIGKILL)
    finally:
        replaying.kill()
        replaying.wait()
    a.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION hesitate CASCADE")
    Room.objects.add("room", "later")
    assert {key: row for key, row in live()[1].items() if key[1] != "later"} == wrong[1]
    repair("default")
    assert_live_is_the_fold()


def test_appends_wait_no_longer_than_the_lock_is_held(a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not lost: their presences exist when the repair is done."""
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence_open_stay")
    write_differences = repair_module.write_differences
    waiting = []

    def append_meanwhile(*arguments: Any) -> None:
        waiting.append(a.start("join", channel="another"))
        write_differences(*arguments)

    monkeypatch.setattr(repair_module, "write_differences", append_meanwhile)
    begin = time.monotonic()
    locked_seconds = repair("default").locked_seconds
    assert locked_seconds <= time.monotonic() - begin
    assert len(waiting[0].result(10)) == 1
    a.commit()
    assert Presence.objects.count() == 2
    assert_live_is_the_fold()


def is_waited_for(blocker: DatabaseConnection) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))",
            [blocker.connection.info.backend_pid],
        )
        return bool(cursor.fetchone()[0])


@pytest.fixture
def a(new_connection: NewConnection) -> DatabaseConnection:
    return new_connection()
