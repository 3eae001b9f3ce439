"""Calls of a process that records without a pause while its database becomes unavailable and available again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.databases import Cluster
from tests.live.load import Load, assert_answers_match

MAX_DELAY = 15.0
"""Seconds after its timeout by which a call must have failed.

The recorder checks timeouts twice a second; the rest is for a busy machine. These tests end the outage only after calls
have failed, so a call that waits for the end of the outage fails the test at any duration.
"""


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
def test_no_call_fails_in_a_short_outage(cluster: Cluster, tmp_path: Path, outage: Callable[[Cluster], None]) -> None:
    with Load(cluster, tmp_path) as load:
        load.wait_for_answers()
        outage(cluster)
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_answers_match(cluster, load)


@pytest.mark.parametrize(
    "database",
    [{"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}, {"OPTIONS": {"pool": True}}],
    ids=["persistent", "pool"],
)
def test_no_call_fails_when_persistent_connections_break(
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
    assert_answers_match(cluster, load)


def test_a_database_that_is_temporarily_read_only_counts_as_unavailable(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        with cluster.read_only():
            load.wait_for_errors()
        load.wait_for_answers()
        load.end()
    assert_answers_match(cluster, load)


def test_calls_to_an_unavailable_database_fail_in_time(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        cluster.stop()
        load.wait_for_errors(400)
        cluster.start()
        load.wait_for_answers()
        load.end()
    _assert_failed_in_time(load)
    assert_answers_match(cluster, load)


def test_calls_beyond_the_limit_wait_for_admission_in_an_outage(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1, max_pending=50) as load:
        load.wait_for_answers()
        cluster.stop()
        load.wait_for_errors(800)
        cluster.start()
        load.wait_for_answers()
        load.end()
    _assert_failed_in_time(load)
    # There are 400 callers. An error may keep its batch in memory, whose callers already have the error.
    assert 40 <= load.most_pending <= 100
    assert [call for call in load.calls() if call.error and "too many writes were pending" in call.error]
    assert_answers_match(cluster, load)


def test_calls_to_a_frozen_database_fail_in_time(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path, timeout=1) as load:
        load.wait_for_answers()
        with cluster.frozen():
            load.wait_for_errors(400)
        load.wait_for_answers()
        load.end()
    _assert_failed_in_time(load)
    assert_answers_match(cluster, load)


def test_no_call_fails_in_a_freeze_that_is_shorter_than_the_timeout(cluster: Cluster, tmp_path: Path) -> None:
    with Load(cluster, tmp_path) as load:
        load.wait_for_answers()
        with cluster.frozen(), pytest.raises(AssertionError, match="Not true after 1 s"):
            load.wait_for_answers(1, timeout=1)
        load.wait_for_answers()
        load.end()
    assert not [call for call in load.calls() if call.error]
    assert_answers_match(cluster, load)


def _assert_failed_in_time(load: Load) -> None:
    for call in load.calls():
        assert call.ended - call.began < load.plan.timeout + MAX_DELAY, call
        assert call.error is None or call.error.startswith("NotRecordedInTime: "), call
