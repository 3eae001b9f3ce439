"""Upgrades without downtime: the database is migrated while processes of the last release run, and processes are
replaced one by one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections

from presence_events import sql
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.live.connected import connected
from tests.live.databases import Cluster
from tests.live.dumps import execute
from tests.live.old_code import OldCode
from tests.live.received_signals import received_channels
from tests.waiting import wait_until

RELEASED = (("presence_events", "0003"), ("projections", "0004"))

OLD_GRANTS = """
CREATE ROLE app LOGIN;
GRANT SELECT, INSERT (kind, room, channel_name, user_id, data, session) ON presence_event TO app;
GRANT SELECT, UPDATE (channel_name) ON presence_room, presence TO app;
GRANT SELECT ON presence_session TO app;
"""


@pytest.fixture(scope="module")
def cluster_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("upgrades")).empty() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_of_module: Cluster, django_db_blocker: Any) -> Iterator[Cluster]:
    """An empty database, which Django is connected to."""
    cluster_of_module.use_new_database()
    with connected(django_db_blocker, default=cluster_of_module):
        yield cluster_of_module


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_last_release_runs_while_the_database_is_migrated_and_beside_the_new_code(cluster: Cluster) -> None:
    for app_label, migration in RELEASED:
        call_command("migrate", app_label, migration, verbosity=0)
    execute(cluster, OLD_GRANTS)
    with OldCode(cluster, "app") as old:
        old.wait()
        call_command("migrate", verbosity=0)
        old.wait()
        for app_label in ("presence_events", "projections"):
            execute(cluster, sql.read(app_label, "grants/app"), role="app")
        old.wait()
        asyncio.run(_join_by_new_code())
        assert set(Presence.objects.filter(room="new").values_list("process", flat=True)) != {None}
        old.wait()
        # The new code has the connection, and the old code ends it.
        leave = (
            "INSERT INTO presence_event (kind, room, channel_name) VALUES ('leave', 'new', 'new-1') RETURNING process"
        )
        assert cluster.query(leave) == [(None,)]
    recorded = set(PresenceEvent.objects.exclude(room="new").values_list("id", "kind", "room", "channel_name"))
    assert len(old.acknowledged) == len(recorded)
    assert set(old.acknowledged) == recorded
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"
    assert_live_is_the_fold()


def test_a_migration_that_runs_into_the_lock_timeout_can_be_repeated(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    for app_label, migration in RELEASED:
        call_command("migrate", app_label, migration, verbosity=0)
    connection.close()
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=100ms")
    with psycopg.connect(cluster.url()) as report:
        report.execute("SELECT count(*) FROM presence_session")
        with pytest.raises(OperationalError, match="lock timeout"):
            call_command("migrate", verbosity=0)
        cluster.query("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'lobby', 'c') RETURNING 1")
    call_command("migrate", verbosity=0)
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"


async def _join_by_new_code() -> None:
    await asyncio.gather(*(Room.objects.aadd("new", f"new-{number}") for number in range(10)))


@pytest.fixture
def join_with_signals(cluster: Cluster, settings: Any) -> Callable[[str, str], None]:
    """Records a join in a process with the given CHANNELS_PRESENCE_SIGNALS. The database is migrated."""
    call_command("migrate", verbosity=0)

    def join(setting: str, channel: str) -> None:
        settings.CHANNELS_PRESENCE_SIGNALS = setting
        Room.objects.add("lobby", channel)

    return join


@pytest.fixture
def worker(settings: Any) -> Callable[[], None]:
    def once() -> None:
        settings.CHANNELS_PRESENCE_SIGNALS = "worker"
        run("run_projector", "--once")

    return once


def test_no_signal_is_lost_if_the_checkpoint_is_set_before_the_first_process_stops_sending_signals(
    signals: list[dict[str, Any]],
    join_with_signals: Callable[[str, str], None],
    worker: Callable[[], None],
) -> None:
    join_with_signals("inline", "before")
    run("run_projector", "--reset", "end")
    join_with_signals("worker", "first")
    join_with_signals("inline", "last")
    assert received_channels(signals) == ["before", "last"]
    worker()
    assert received_channels(signals) == ["first", "last"]
    join_with_signals("worker", "after")
    worker()
    assert received_channels(signals) == ["after"]


def test_no_signal_is_lost_if_the_worker_is_the_last_to_stop(
    signals: list[dict[str, Any]],
    join_with_signals: Callable[[str, str], None],
    worker: Callable[[], None],
) -> None:
    run("run_projector", "--reset", "end")
    join_with_signals("worker", "before")
    join_with_signals("inline", "first")
    join_with_signals("worker", "last")
    assert received_channels(signals) == ["first"]
    worker()
    assert received_channels(signals) == ["before", "first", "last"]
    join_with_signals("inline", "after")
    assert received_channels(signals) == ["after"]


def test_a_transaction_that_has_read_presences_can_append_while_the_database_is_migrated(
    cluster: Cluster,
) -> None:
    """The migration waits for the table that was read. It must not lock the log while it waits."""
    for app_label, migration in RELEASED:
        call_command("migrate", app_label, migration, verbosity=0)
    waits = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = 'presence'::regclass"
    with psycopg.connect(cluster.url()) as caller:
        caller.execute("SELECT count(*) FROM presence")
        migrating = threading.Thread(target=migrate)
        migrating.start()
        wait_until(lambda: cluster.query(waits))
        caller.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'lobby', 'c')")
    migrating.join()
    assert cluster.query("SELECT channel_name FROM presence") == [("c",)]


def migrate() -> None:
    """Runs in a thread, which has database connections of its own."""
    try:
        call_command("migrate", verbosity=0)
    finally:
        connections.close_all()
