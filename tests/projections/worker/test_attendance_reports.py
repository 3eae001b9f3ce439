"""The leading worker makes final reports beside its other jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from projections._worker.attendance_reports import AttendanceReports
from projections._worker.maintenance import Maintenance
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NINE = datetime(2024, 3, 4, 9, tzinfo=UTC)


def test_the_job_makes_what_is_due() -> None:
    schedule_report("planning", "Weekly", NINE, NINE + timedelta(hours=1))
    AttendanceReports("default").work()
    assert AttendanceReport.objects.get().title == "Weekly"


def test_the_worker_runs_the_job() -> None:
    schedule = schedule_report("planning", "Weekly", NINE, NINE + timedelta(hours=1))
    maintenance = Maintenance("default", prune=False)
    try:
        maintenance.run_due_jobs()

        def is_announced() -> bool:
            schedule.refresh_from_db()
            return schedule.announced_at is not None

        wait_until(is_announced)
    finally:
        maintenance.stop()
