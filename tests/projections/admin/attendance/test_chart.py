"""The drawing of presence over a span."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import override

from projections.admin.attendance.chart import HEIGHT, MAX_LEVELS, bars, chart
from projections.attendance.periods import Period
from projections.attendance.rows import Row, Status
from projections.attendance.sheets import Sheet
from tests.projections.admin.attendance.conftest import NINE, TEN, minutes


def row(*periods: tuple[float, float, bool], status: Status = Status.PRESENT) -> Row:
    return Row(
        status,
        "7",
        "ada",
        periods=tuple(Period(minutes(start), minutes(end), certain) for start, end, certain in periods),
    )


def sheet(*rows: Row, **changes: Any) -> Sheet:
    facts: dict[str, Any] = {"room": "planning", "start": NINE, "end": TEN, "until": TEN, "position": 1}
    return Sheet(**{**facts, "rows": rows, **changes})


def levels(found: Sheet) -> list[tuple[str, str, int, int]]:
    return [(level.x, level.width, level.certain, level.possible) for level in chart(found).levels]


def test_bars_are_in_percent_of_the_span() -> None:
    one = row((0, 30, True), (30, 45, False))
    assert bars(sheet(one), one) == [("0.000%", "50.000%", True), ("50.000%", "25.000%", False)]


def test_the_curve_counts_certain_and_possible_people() -> None:
    found = sheet(row((0, 30, True)), row((15, 45, False)), row((50, 60, True)))
    assert levels(found) == [
        ("0.000%", "25.000%", 1, 0),
        ("25.000%", "25.000%", 1, 1),
        ("50.000%", "25.000%", 0, 1),
        ("83.333%", "16.667%", 1, 0),
    ]
    drawn = chart(found)
    assert drawn.most == 2
    second = drawn.levels[1]
    assert (second.y_possible, second.height_possible, second.height_certain) == (0, HEIGHT // 2, HEIGHT // 2)
    assert second.y_certain + second.height_certain == HEIGHT


def test_anonymous_connections_are_not_counted() -> None:
    assert chart(sheet(row((0, 60, True), status=Status.ANONYMOUS))).levels == []


def test_a_curve_of_many_changes_keeps_its_highest_values() -> None:
    people = [row((number / 20, number / 20 + 0.01, True)) for number in range(1200)]
    crowd = [row((30, 30.02, True)) for _ in range(9)]
    drawn = chart(sheet(*people, *crowd))
    assert len(drawn.levels) <= MAX_LEVELS
    assert drawn.most == max(level.certain for level in drawn.levels) == 10


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (timedelta(minutes=60), ["14:30", "14:40", "14:50", "15:00", "15:10", "15:20", "15:30"]),
        (timedelta(minutes=5), ["14:30", "14:31", "14:32", "14:33", "14:34", "14:35"]),
        (timedelta(days=1), ["18:00", "00:00", "06:00", "12:00"]),
        (timedelta(days=5), ["03-05", "03-06", "03-07", "03-08", "03-09"]),
        (timedelta(days=365), ["03-16", "05-15", "07-14", "09-12", "11-11", "01-10"]),
    ],
)
def test_ticks_are_round_local_times(length: timedelta, labels: list[str]) -> None:
    with override(ZoneInfo("Asia/Kolkata")):
        found = sheet(end=NINE + length, until=NINE + length)
        shown = [tick.label for tick in chart(found).ticks]
    assert len(shown) <= 8
    assert shown == labels or length > timedelta(days=100)


def test_the_time_before_the_horizon_is_marked() -> None:
    assert chart(sheet()).unknown is None
    assert chart(sheet(complete_from=minutes(15))).unknown == "25.000%"
