"""Replay while everything goes on: it sees one moment, and loses nothing that is appended meanwhile."""

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

import pytest
from django.db import connection

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay import fold as folding
from projections.replay.repair import compare, repair
from tests.concurrency.conftest import Session
from tests.fold import assert_live_is_the_fold, live
from tests.live.servers import database_url
from tests.projections.replay.test_repair import tamper
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Sessions = Callable[..., Session]
ROOMS = ["a", "b", "c"]
CHANNELS = ["1", "2", "3", "4", "5"]
HESITATES = """
CREATE FUNCTION hesitate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(42);
    RETURN NULL;
END;
$$;
CREATE TRIGGER hesitates AFTER UPDATE ON presence FOR EACH ROW EXECUTE FUNCTION hesitate();
"""
"""A replay of a database with this stops in the middle of what it writes, while somebody has the lock."""
_ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "STRETCH", 1000)


@contextmanager
def traffic() -> Iterator[None]:
    """Three connections join, touch and leave, until the end of the block."""
    over = threading.Event()

    def go(seed: int) -> int:
        dice = random.Random(seed)
        done = 0
        try:
            while not over.is_set():
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
        running = [threads.submit(go, seed) for seed in range(3)]
        try:
            wait_until(lambda: PresenceEvent.objects.count() > 50)
            yield
        finally:
            over.set()
    assert all(each.result() for each in running)


def test_what_is_compared_is_one_moment_however_much_is_appended() -> None:
    with traffic():
        before = PresenceEvent.objects.count()
        for _ in range(30):
            assert compare("default") == []
        assert PresenceEvent.objects.count() > before
    assert_live_is_the_fold()


def test_damage_is_repaired_while_everything_goes_on(sessions: Sessions) -> None:
    Room.objects.add("calm", "channel")
    vandal = sessions()
    vandal.run("SET session_replication_role = replica")
    repaired = 0
    with traffic():
        while repaired < 10:
            vandal.run("UPDATE presence SET data = '\"damaged\"' WHERE room = 'calm'")
            vandal.commit()
            repaired += bool(repair("default").differences)
    repair("default")
    assert_live_is_the_fold()
    assert not Presence.objects.filter(data="damaged").exists()


def test_a_process_that_is_killed_in_the_middle_of_the_swap_changes_nothing(a: Session, tmp_path: Path) -> None:
    for channel in CHANNELS:
        Room.objects.add("room", channel)
    tamper("DELETE FROM presence WHERE channel_name = '1'", "UPDATE presence SET data = '1' WHERE channel_name = '5'")
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
        wait_until(lambda: waits_for(a))
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


def test_appends_wait_no_longer_than_the_lock_is_held(a: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not lost, and are there when the replay is done."""
    Room.objects.add("room", "channel")
    tamper("DELETE FROM presence")
    real = folding.Fold.write
    waiting = []

    def append_meanwhile(self: folding.Fold, differences: list[folding.Difference]) -> None:
        waiting.append(a.start("join", channel="another"))
        real(self, differences)

    monkeypatch.setattr(folding.Fold, "write", append_meanwhile)
    begin = time.monotonic()
    locked = repair("default").locked
    assert locked <= time.monotonic() - begin
    assert len(waiting[0].result(10)) == 1
    a.commit()
    assert Presence.objects.count() == 2
    assert_live_is_the_fold()


def waits_for(session: Session) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))",
            [session.connection.info.backend_pid],
        )
        return bool(cursor.fetchone()[0])


@pytest.fixture
def a(sessions: Sessions) -> Session:
    return sessions()
