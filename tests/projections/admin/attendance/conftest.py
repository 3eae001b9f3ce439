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
TEN = NINE + timedelta(hours=1)
SPAN_QUERY = "from=2024-03-04T09%3A00%3A00Z&until=2024-03-04T10%3A00%3A00Z"


def minutes(number: float) -> datetime:
    return NINE + timedelta(minutes=number)


@pytest.fixture
def meeting(user: Any, other_user: Any) -> None:
    """An hour from nine on: ada is there throughout, the other user comes late and is pruned, and there is a guest."""
    write(
        Stay("planning", "ada-1", user, minutes(-5), minutes(65)),
        Stay("planning", "bob", other_user, minutes(15), minutes(30), "prune", minutes(20)),
        Stay("planning", "guest", None, minutes(0), minutes(10)),
    )


@pytest.fixture
def report(meeting: None, user: Any, django_user_model: Any) -> AttendanceReport:
    """The final report of the meeting, to which zoe was expected."""
    zoe = django_user_model.objects.create_user("zoe")
    schedule = schedule_report("planning", "Weekly", NINE, TEN, expected=[user, zoe])
    make_due_reports("default")
    return AttendanceReport.objects.get(schedule=schedule)


@pytest.fixture
def only_ada(settings: Any, user: Any) -> Callable[..., Any]:
    """Lets operators see only the attendance of ada."""
    settings.CHANNELS_PRESENCE_ATTENDANCE_VISIBLE = "tests.projections.admin.attendance.conftest.visible"
    visible.users = [user]  # type: ignore[attr-defined]
    return visible


def visible(viewer: Any, room: str) -> Any:
    assert room == "planning"
    return visible.users  # type: ignore[attr-defined]
