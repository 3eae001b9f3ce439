"""The tasks with and without Celery."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from projections import tasks
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport, Room
from tests import segments
from tests.time import age_presences

WITHOUT_CELERY = """
import sys
sys.modules["celery"] = None  # as if it were not installed
import django
django.setup()
from projections import tasks
from presence_events.exceptions import CeleryNotInstalled
uses = (tasks.prune_presences, tasks.prune_presence)
for use in (*uses, lambda: tasks.prune_rooms.delay(), lambda: tasks.prune_rooms.apply_async()):
    try:
        use()
    except CeleryNotInstalled as error:
        print(error)
assert not hasattr(tasks.prune_rooms, "__wrapped__")
"""


@pytest.mark.django_db(transaction=True)
def test_the_tasks_prune() -> None:
    Room.objects.add("room", "channel")
    assert tasks.prune_presences.apply().get() == 0
    assert tasks.prune_presences.apply(args=[0]).get() == 1
    assert tasks.prune_rooms.apply().get() == 1


@pytest.mark.django_db(transaction=True)
def test_the_task_of_the_original_prunes_by_the_maximal_age() -> None:
    Room.objects.add("room", "silent")
    Room.objects.add("room", "live")
    age_presences("silent", seconds=61)
    assert tasks.prune_presence.apply().get() == 1


@pytest.mark.usefixtures("maintained_log")
def test_the_task_for_the_log_creates_segments() -> None:
    tasks.maintain_log.apply().get()
    assert len(segments.names("stays")) > 2


@pytest.mark.django_db(transaction=True)
def test_the_task_for_reports_makes_those_that_are_due() -> None:
    start = datetime(2024, 3, 4, 9, tzinfo=UTC)
    schedule_report("planning", "Weekly", start, start + timedelta(hours=1))
    assert [tasks.make_attendance_reports.apply().get() for _ in range(2)] == [1, 0]
    assert AttendanceReport.objects.get().title == "Weekly"


def test_the_tasks_have_the_documented_names() -> None:
    assert tasks.make_attendance_reports.name == "projections.tasks.make_attendance_reports"
    assert tasks.maintain_log.name == "projections.tasks.maintain_log"
    assert tasks.prune_presence.name == "projections.tasks.prune_presence"
    assert tasks.prune_presences.name == "projections.tasks.prune_presences"
    assert tasks.prune_rooms.name == "projections.tasks.prune_rooms"


def test_without_celery_the_module_imports_and_each_use_raises() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_CELERY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("pip install celery") == 4
