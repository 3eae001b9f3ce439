from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport
from tests.backdating import Stay, write

NINE = datetime(2024, 3, 4, 9, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def meeting(user: Any, other_user: Any) -> None:
    """An hour from nine on: ada has two tabs, and the other user comes late and is pruned."""
    write(
        Stay("planning", "ada-1", user, NINE - AN_HOUR, NINE + AN_HOUR * 2),
        Stay("planning", "ada-2", user, NINE, NINE + AN_HOUR / 2),
        Stay("planning", "bob", other_user, NINE + AN_HOUR / 4, NINE + AN_HOUR / 2, "prune", NINE + AN_HOUR / 3),
        Stay("planning", "guest", None, NINE, NINE + AN_HOUR / 6),
        Stay("lobby", "bob", other_user, NINE, NINE + AN_HOUR),
    )


@pytest.fixture
def make(user: Any) -> Callable[..., AttendanceReport]:
    """Schedules and makes a report of an hour from nine on in the room planning."""

    def made(**options: Any) -> AttendanceReport:
        schedule = schedule_report("planning", "Weekly", NINE, NINE + AN_HOUR, **options)
        make_due_reports("default")
        return AttendanceReport.objects.get(schedule=schedule)

    return made
