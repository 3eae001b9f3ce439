"""The worker maintains the segments of the log, beside its other jobs."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import connection, connections

from presence_events import sql
from projections._worker.background_job import BackgroundJob
from projections._worker.log_maintenance import LogMaintenance
from projections._worker.maintenance import Maintenance
from projections._worker.runner import Runner
from projections._worker.shutdown import ShutdownRequest
from tests import segments
from tests.concurrency.conftest import DatabaseConnection, new_connection  # noqa: F401
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("maintained_log")]

READ_THE_LOG = "SELECT count(*) FROM presence_event"


def in_a_thread(call: Callable[[], None]) -> None:
    try:
        call()
    finally:
        connections.close_all()


def finish(jobs: BackgroundJob) -> None:
    wait_until(lambda: not jobs._is_running)


def log_of(jobs: Maintenance) -> BackgroundJob:
    """Returns the job that maintains segments."""
    return jobs._background[0]


def test_a_worker_deletes_the_secrets_of_pseudonyms_of_past_days() -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_pseudonym_key VALUES ('2020-01-01', '')")
        LogMaintenance("default").work()
        cursor.execute("SELECT count(*) FROM presence_pseudonym_key WHERE day < current_date - 1")
        assert cursor.fetchone() == (0,)


def test_a_worker_creates_segments() -> None:
    shutdown = ShutdownRequest()
    runner = Runner("projector", using="default", prune=False, shutdown=shutdown, report=lambda line: None)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(in_a_thread, runner.run)
        wait_until(lambda: len(segments.names("stays")) > 2)
        shutdown.request()
        ended.result()
    assert len(segments.names("touches")) > 2


def test_it_runs_once_in_an_interval() -> None:
    jobs = LogMaintenance("default")
    jobs.run_if_due()
    finish(jobs)
    created = segments.names("stays")
    assert len(created) > 2
    segments.reset()
    jobs.run_if_due()
    finish(jobs)
    assert segments.names("stays") == ["first"]


def test_other_jobs_do_not_wait_for_it(new_connection: Any) -> None:  # noqa: F811
    reader: DatabaseConnection = new_connection()
    reader.run(READ_THE_LOG)
    jobs = Maintenance("default", prune=True)
    jobs.run_due_jobs()
    assert log_of(jobs)._is_running
    jobs.run_due_jobs()
    reader.rollback()
    finish(log_of(jobs))
    assert len(segments.names("stays")) > 2


def test_a_worker_that_ends_cancels_it(new_connection: Any, caplog: pytest.LogCaptureFixture) -> None:  # noqa: F811
    reader: DatabaseConnection = new_connection()
    reader.run(READ_THE_LOG)
    jobs = Maintenance("default", prune=False)
    jobs.run_due_jobs()
    wait_until(lambda: log_of(jobs)._connection is not None)
    jobs.stop()
    assert not log_of(jobs)._is_running
    assert segments.names("stays") == ["first"]
    assert caplog.messages == []
    log_of(jobs).run_if_due()
    assert not log_of(jobs)._is_running


def test_a_run_that_gets_no_lock_is_repeated(
    new_connection: Any,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("presence_events.segments.statements._PAUSE", 0)
    monkeypatch.setattr("projections._worker.background_job.RETRY_INTERVAL", 0)
    reader: DatabaseConnection = new_connection()
    reader.run(READ_THE_LOG)
    jobs = LogMaintenance("default")
    jobs.run_if_due()
    finish(jobs)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "lock timeout" in record.message
    reader.rollback()
    jobs.run_if_due()
    finish(jobs)
    assert len(segments.names("stays")) > 2


def test_an_unexpected_error_is_logged(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE presence_event_stays_2999_01_01 ()")
        cursor.execute("DELETE FROM presence_segment")
    jobs = LogMaintenance("default")
    jobs.run_if_due()
    finish(jobs)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE presence_event_stays_2999_01_01")
    (record,) = caplog.records
    assert record.levelno == logging.ERROR


def test_it_does_nothing_for_a_role_that_does_not_own_the_tables(caplog: pytest.LogCaptureFixture) -> None:
    settings = connections["default"].settings_dict
    options = dict(settings.get("OPTIONS", {}))
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE stranger")
        cursor.execute("GRANT SELECT ON presence_segment TO stranger")
    try:
        settings["OPTIONS"] = {**options, "options": f"{options.get('options', '')} -c role=stranger"}
        jobs = LogMaintenance("default")
        jobs.run_if_due()
        finish(jobs)
    finally:
        settings["OPTIONS"] = options
        with connection.cursor() as cursor:
            cursor.execute("REVOKE ALL ON presence_segment FROM stranger")
            cursor.execute("DROP ROLE stranger")
    assert segments.names("stays") == ["first"]
    assert caplog.messages == []


def test_another_process_may_be_removing_segments(
    new_connection: Any,  # noqa: F811
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "projections.worker")
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=7)}
    other: DatabaseConnection = new_connection()
    assert other.run(sql.read("projections", "queries/retention/lock")) == [True]  # type: ignore[arg-type]
    jobs = LogMaintenance("default")
    jobs.run_if_due()
    finish(jobs)
    assert caplog.messages == ["Another process removes segments of the log"]


def test_a_run_that_has_no_connection_yet_is_waited_for() -> None:
    jobs = LogMaintenance("default")
    jobs._thread = Thread(target=time.sleep, args=[0.2])
    jobs._thread.start()
    jobs.stop()
    assert not jobs._is_running
