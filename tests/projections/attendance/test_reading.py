"""Attendance reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from projections.attendance import attendance
from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + 60 * MINUTE


def test_tabs_are_merged(user: Any) -> None:
    write(
        Stay("lobby", "a", user, NINE - 5 * MINUTE, NINE + 20 * MINUTE),
        Stay("lobby", "b", user, NINE + 10 * MINUTE, NINE + 30 * MINUTE),
        Stay("lobby", "c", user, NINE + 40 * MINUTE, NINE + 50 * MINUTE),
    )
    report = attendance("lobby", NINE, TEN)
    print(report)
    (ada,) = report.people
    assert ada.certain == ada.possible == 40 * MINUTE
