"""The days of segments."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence_events.segments.periods import Period, divisions, period_of

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (date(2026, 1, 1), date(2026, 2, 1)),
        (date(2026, 1, 31), date(2026, 2, 1)),
        (date(2026, 12, 31), date(2027, 1, 1)),
        (date(2028, 2, 29), date(2028, 3, 1)),
    ],
)
def test_a_month_ends_with_the_calendar_month(day: date, month: date) -> None:
    assert Period.MONTH.next_start(day) == month
    assert Period.DAY.next_start(day) == day + timedelta(days=1)


@given(period=st.sampled_from(Period), last=st.none() | DAYS, today=DAYS, delay=st.none() | st.integers(0, 100))
def test_segments_reach_far_enough_ahead(period: Period, last: date | None, today: date, delay: int | None) -> None:
    not_before = None if delay is None else today + timedelta(days=delay)
    days = divisions(period, last, today, not_before=not_before)
    assert days == sorted(set(days))
    assert all(day > max(today, last or today, not_before or today) for day in days)
    assert max([*days, last or today]) >= today + period.value
    # Not many more than needed: the last but one is not far enough.
    assert all(day < max(today + period.value, period.next_start(not_before or today)) for day in days[:-1])
    assert divisions(period, days[-1] if days else last, today) == []


@pytest.mark.parametrize(
    ("retention", "period"),
    [
        ({}, Period.MONTH),
        ({"touches": timedelta(days=7)}, Period.DAY),
        ({"touches": timedelta(days=60)}, Period.MONTH),
        ({"stays": timedelta(days=7)}, Period.MONTH),
        (None, Period.MONTH),
    ],
)
def test_what_is_kept_for_a_short_time_is_in_segments_of_a_day(retention: Any, period: Period, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = retention
    assert period_of("touches") is period
