"""Concurrent recording through PgBouncer, from connection pools, and from event loops in several threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.live.databases import Cluster, PgBouncer
from tests.live.load import Load, assert_answers_match
from tests.waiting import wait_until

CLOSES_EARLY = """
import asyncio, django
django.setup()
from projections.models import Room

async def main():
    calls = [asyncio.ensure_future(Room.objects.aadd("room", f"channel!{number}")) for number in range(1000)]
    await calls[0]

asyncio.run(main())
"""


TAMPERS = """
import django
django.setup()
from django.db import connection
from projections.models import Room

for number in range(10):
    Room.objects.add("tampered", f"channel!{number}")
with connection.cursor() as cursor:
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("UPDATE presence_open_stay SET data = '1'")
    assert cursor.rowcount >= 10
"""


@pytest.fixture(scope="module")
def cluster_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("pools")).running() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_of_module: Cluster) -> Cluster:
    cluster_of_module.use_new_database()
    return cluster_of_module


@pytest.fixture
def pgbouncer(cluster: Cluster) -> Iterator[PgBouncer]:
    if PgBouncer.program() is None:
        pytest.skip("PgBouncer is not installed")
    with PgBouncer(cluster).running() as pgbouncer:
        yield pgbouncer


@pytest.mark.parametrize(
    "database",
    [
        {"CONN_MAX_AGE": 0},
        {"CONN_MAX_AGE": 600},
        {"CONN_MAX_AGE": None},
        {"OPTIONS": {"pool": True}},
        {"OPTIONS": {"pool": {"min_size": 1, "max_size": 1}}},
    ],
    ids=["closed at once", "ten minutes", "unlimited", "pool", "pool of one"],
)
def test_events_are_recorded_once_and_in_order_for_any_connection_lifetime(
    cluster: Cluster, tmp_path: Path, database: dict[str, Any]
) -> None:
    with Load(cluster, tmp_path, database=database) as load:
        load.wait_for_answers(2000)
        load.end()
    assert_answers_match(cluster, load, exactly=True)


def test_event_loops_in_several_threads_record_into_the_same_rooms_and_close_their_connections(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Load(cluster, tmp_path, loops=4, connections=50, database={"CONN_MAX_AGE": None}) as load:
        load.wait_for_answers(2000)
        wait_until(lambda: len(cluster.backends()) == 4)
        load.stop()
        # The process is still running, so it was not its end that closed them.
        wait_until(lambda: cluster.backends() == [])
        load.end()
    assert_answers_match(cluster, load, exactly=True)


def test_an_event_loop_that_closes_completes_pending_writes(cluster: Cluster) -> None:
    cluster.run("-c", CLOSES_EARLY)
    assert cluster.query("SELECT count(*) FROM presence") == [(1000,)]


def test_several_processes_record_through_pgbouncer(cluster: Cluster, tmp_path: Path, pgbouncer: PgBouncer) -> None:
    with ExitStack() as stack:
        loads = [
            stack.enter_context(Load(cluster, tmp_path, name, pgbouncer.PORT, loops=3, connections=50))
            for name in ("one", "two")
        ]
        for load in loads:
            load.wait_for_answers(2000)
        assert len(cluster.backends()) <= pgbouncer.CONNECTIONS
        for load in loads:
            load.end()
    assert_answers_match(cluster, *loads, exactly=True)


def test_the_recorder_leaves_no_settings_in_the_connections_of_pgbouncer(
    cluster: Cluster, tmp_path: Path, pgbouncer: PgBouncer
) -> None:
    before = _settings(cluster, 5432, 1)
    with Load(cluster, tmp_path, port=pgbouncer.PORT, loops=3, connections=50) as load:
        load.wait_for_answers()
        load.end()
    assert _settings(cluster, pgbouncer.PORT, pgbouncer.CONNECTIONS) == before
    assert len(cluster.backends()) == pgbouncer.CONNECTIONS


def test_the_log_is_replayed_and_exported_through_pgbouncer(
    cluster: Cluster, tmp_path: Path, pgbouncer: PgBouncer
) -> None:
    with Load(cluster, tmp_path, port=pgbouncer.PORT) as load:
        load.wait_for_answers()
        load.end()
    cluster.run("-c", TAMPERS)
    before = _settings(cluster, pgbouncer.PORT, pgbouncer.CONNECTIONS)
    for arguments in (["replay_presence"], ["replay_presence", "--check"], ["export_presence", "events"]):
        output = ["--output", str(tmp_path / "events.csv")] if "events" in arguments else []
        cluster.run("-m", "django", *arguments, *output, "--verbosity", "0", port=pgbouncer.PORT)
    assert _settings(cluster, pgbouncer.PORT, pgbouncer.CONNECTIONS) == before
    cluster.run("-c", "import django; django.setup(); import tests.fold; tests.fold.assert_live_is_the_fold()")
    ((events,),) = cluster.query("SELECT count(*) FROM presence_event")
    assert len((tmp_path / "events.csv").read_text().splitlines()) == events + 1


def test_a_worker_does_not_leave_its_lock_in_pgbouncer(cluster: Cluster, pgbouncer: PgBouncer) -> None:
    with pytest.raises(AssertionError, match="--database"):
        cluster.run("-m", "django", "run_projector", "--once", "--prune", port=pgbouncer.PORT)
    assert not cluster.query("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")
    # Without the warning that the layer of the tests is in memory.
    cluster.run("-m", "django", "run_projector", "--once", "--prune", "--verbosity=0")


def test_no_call_fails_when_postgresql_restarts_behind_pgbouncer(
    cluster: Cluster, tmp_path: Path, pgbouncer: PgBouncer
) -> None:
    with Load(cluster, tmp_path, port=pgbouncer.PORT, loops=2, connections=50) as load:
        load.wait_for_answers()
        cluster.stop()
        cluster.start()
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_answers_match(cluster, load)


def test_no_call_fails_when_pgbouncer_restarts(cluster: Cluster, tmp_path: Path, pgbouncer: PgBouncer) -> None:
    with Load(cluster, tmp_path, port=pgbouncer.PORT, loops=2, connections=50) as load:
        load.wait_for_answers()
        pgbouncer.stop()
        pgbouncer.start()
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_answers_match(cluster, load)


def _settings(cluster: Cluster, port: int, connections: int) -> set[tuple[str, str]]:
    """Returns the settings of ``connections`` different backends that were set in their database sessions.

    Settings that PgBouncer sets for each client are left out, and so are those that each transaction begins with.
    """
    found: set[tuple[str, str]] = set()
    with ExitStack() as stack:
        pids = set()
        for _ in range(connections):
            connection = stack.enter_context(psycopg.connect(cluster.url(port=port), prepare_threshold=None))
            pids.add(connection.execute("SELECT pg_backend_pid()").fetchone())
            found |= set(
                connection.execute(
                    "SELECT name, setting FROM pg_settings WHERE source = 'session' OR name = 'lock_timeout'"
                ).fetchall()
            )
        assert len(pids) == connections
    others = {"application_name", "client_encoding", "transaction_isolation", "transaction_read_only"}
    return {(name, value) for name, value in found if name not in others}
