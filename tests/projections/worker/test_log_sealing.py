"""The worker seals the log, if it is told so."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from django.core.management import call_command

from presence_events.models import Anchor, ErasureInProgress, StoredSeal
from presence_events.seals import copies
from presence_events.seals.signing import read_public_key
from projections._worker.background_job import BackgroundJob
from projections._worker.log_sealing import LogSealing, SealPublication, sealing_jobs
from projections._worker.maintenance import Maintenance
from projections.models import Room
from tests.seals import key_pair
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def run() -> None:
    """Runs the sealing, and then the publications."""
    *publications, sealing = sealing_jobs("default")
    for job in (sealing, *publications):
        job.run_if_due()
        wait_until(lambda job=job: not job._is_running)


def test_a_worker_seals_signs_and_copies(tmp_path: Path, settings: Any) -> None:
    pair, copy = key_pair(tmp_path), tmp_path / "seals of default"
    settings.CHANNELS_PRESENCE_SEALS = {"key": pair.private, "copy": f"{tmp_path}/seals of {{database}}"}
    Room.objects.add("room", "1")
    jobs = Maintenance("default", prune=False)
    wait_until(lambda: jobs.run_due_jobs() or (copy.exists() and copy.read_text()))
    jobs.stop()
    (copied,) = copies.read(copy)
    assert copied.public_key == read_public_key(pair.public)
    call_command("presence_verify", public_key=pair.public, verbosity=0)
    Room.objects.add("room", "2")
    call_command("presence_seal", verbosity=0)
    assert len(copies.read(copy)) == 2


def test_a_worker_waits_for_the_end_of_an_erasure(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {}
    Room.objects.add("room", "1")
    running = ErasureInProgress.objects.create(person="1", pseudonym="-2")
    with caplog.at_level(logging.WARNING):
        run()
    assert "Nothing is sealed: the erasure of a person is in progress" in caplog.text
    assert not StoredSeal.objects.exists()
    running.delete()
    run()
    assert StoredSeal.objects.exists()


def test_a_worker_makes_no_seals_unless_it_is_told_so(settings: Any) -> None:
    Room.objects.add("room", "1")
    job = LogSealing("default", [])
    job.run_if_due()
    assert not job._is_running
    assert not StoredSeal.objects.exists()
    settings.CHANNELS_PRESENCE_SEALS = {}
    run()
    assert StoredSeal.objects.get().signature is None


def test_a_copy_that_cannot_be_written_is_logged(tmp_path: Path, settings: Any, caplog: Any) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {"copy": str(tmp_path / "missing" / "seals")}
    Room.objects.add("room", "1")
    run()
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message == "The publication of seals at the anchor 'copy' failed"
    assert StoredSeal.objects.count() == 1
    assert Anchor.objects.get().failure.startswith("FileNotFoundError: ")


RELEASED = Event()


def wait_for_release(*args: Any) -> None:
    RELEASED.wait(120)


def test_an_anchor_that_does_not_answer_delays_nothing_else(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "seals"
    settings.CHANNELS_PRESENCE_SEALS = {"copy": copy, "function": f"{__name__}.wait_for_release"}
    monkeypatch.setattr(LogSealing, "interval", 0.0)
    monkeypatch.setattr(SealPublication, "max_stop", 0.0)
    RELEASED.clear()
    jobs = Maintenance("default", prune=False)
    try:
        for number in (1, 2):
            Room.objects.add("room", str(number))
            wait_until(lambda number=number: jobs.run_due_jobs() or StoredSeal.objects.count() == number)
        wait_until(lambda: jobs.run_due_jobs() or (copy.exists() and len(copies.read(copy)) == 2))
        jobs.stop()
        wait_until(lambda: [job._is_running for job in jobs._background].count(True) == 1)
    finally:
        RELEASED.set()
        wait_until(lambda: not any(job._is_running for job in jobs._background))


def test_publications_are_due_after_a_sealing_and_time_stamps_less_often(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {"key": "/missing", "copy": "copy", "timestamp": "http://localhost:9/"}
    ran: list[str] = []
    monkeypatch.setattr(SealPublication, "work", lambda job: ran.append(job._name))
    for _ in range(2):
        Room.objects.add("room", "1")
    *publications, sealing = sealing_jobs("default")
    for _ in range(2):
        sealing.make_due()
        for job in (sealing, *publications):
            job.run_if_due()
            wait_until(lambda job=job: not job._is_running)
    assert ran == ["copy", "timestamp", "copy"]


def test_a_publication_without_its_entry_does_nothing(settings: Any) -> None:
    """The settings changed between the question whether it is due and its run."""
    settings.CHANNELS_PRESENCE_SEALS = {}
    SealPublication("default", "copy").work()
    assert not Anchor.objects.exists()


def test_a_job_without_work_is_not_one() -> None:
    with pytest.raises(NotImplementedError):
        BackgroundJob("default").work()
