"""What becomes of the calls of a process that records without a pause while its database goes away and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.databases import Cluster, Load, assert_kept

LATE = 2.0
"""Seconds that an answer may come after its time: the recorder looks twice a second, and the machine is busy."""


@pytest.fixture(scope="module")
def cluster_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("outages")).running() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_of_module: Cluster) -> Cluster:
    cluster_of_module.use_new_database()
    return cluster_of_module


def stop_and_start(cluster: Cluster) -> None:
    cluster.stop()
    cluster.start()


def kill_and_start(cluster: Cluster) -> None:
    cluster.kill()
    cluster.start()


@pytest.mark.parametrize(
    "outage",
    [stop_and_start, kill_and_start, Cluster.kill_a_backend, Cluster.terminate_backends],
    ids=["stop", "kill -9", "kill -9 of a backend", "pg_terminate_backend"],
)
def test_nobody_notices_a_short_outage(cluster: Cluster, tmp_path: Path, outage: Callable[[Cluster], None]) -> None:
    with Load(cluster, tmp_path) as load:
        load.wait_for_answers()
        outage(cluster)
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_kept(cluster, load)


@pytest.mark.parametrize(
    "database",
    [{"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}, {"OPTIONS": {"pool": True}}],
    ids=["persistent", "pool"],
)
def test_nobody_notices_how_connections_break_that_are_kept(
    cluster: Cluster, tmp_path: Path, database: dict[str, Any]
) -> None:
    with Load(cluster, tmp_path, database=database) as load:
        load.wait_for_answers()
        cluster.terminate_backends()
        load.wait_for_answers()
        stop_and_start(cluster)
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_kept(cluster, load)


def test_a_database_that_is_read_only_for_a_while_counts_as_away(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        with cluster.read_only():
            load.wait_for_errors()
        load.wait_for_answers()
        load.end()
    assert_kept(cluster, load)


def test_callers_of_a_database_that_stays_away_are_told_in_time(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        cluster.stop()
        load.wait_for_errors(400)
        cluster.start()
        load.wait_for_answers()
        load.end()
    _assert_told_in_time(load)
    assert_kept(cluster, load)


def test_more_callers_than_the_bound_wait_at_the_door_while_the_database_is_away(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Load(cluster, tmp_path, timeout=1, bound=50) as load:
        load.wait_for_answers()
        cluster.stop()
        load.wait_for_errors(800)
        cluster.start()
        load.wait_for_answers()
        load.end()
    _assert_told_in_time(load)
    # Of 400; an error may keep the flush that had it, whose callers were told.
    assert 40 <= load.most_waiting <= 100
    assert [call for call in load.calls() if call.error and "too many were waiting" in call.error]
    assert_kept(cluster, load)


def test_callers_of_a_frozen_database_are_told_in_time_and_all_goes_on_when_it_thaws(
    cluster: Cluster, tmp_path: Path
) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        with cluster.frozen():
            load.wait_for_errors(400)
        load.wait_for_answers()
        load.end()
    _assert_told_in_time(load)
    assert_kept(cluster, load)


def test_a_freeze_that_is_shorter_than_the_timeout_is_noticed_by_nobody(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path) as load:
        load.wait_for_answers()
        with cluster.frozen(), pytest.raises(AssertionError, match="did not come true"):
            load.wait_for_answers(1, timeout=1)
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_kept(cluster, load)


def _assert_told_in_time(load: Load) -> None:
    for call in load.calls():
        assert call.ended - call.began < load.plan.timeout + LATE, call
        assert call.error is None or call.error.startswith("NotRecordedInTime: "), call
