from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import override

from projections.times import format_duration, microseconds, url_value, zone_name

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("lobby", "lobby"),
        (7, "7"),
        (datetime(2026, 3, 1, 9, tzinfo=UTC), "2026-03-01T09:00:00Z"),
        (datetime(2026, 3, 1, 9, 0, 0, 1, tzinfo=UTC), "2026-03-01T09:00:00.000001Z"),
        (datetime(2026, 3, 1, 9, tzinfo=BERLIN), "2026-03-01T08:00:00Z"),
    ],
)
def test_a_value_in_an_address_means_the_same_in_every_time_zone(value: object, text: str) -> None:
    assert url_value(value) == text


def test_a_naive_time_is_in_the_current_time_zone() -> None:
    with override(BERLIN):
        assert url_value(datetime(2026, 3, 1, 9)) == "2026-03-01T08:00:00Z"


def test_microseconds_are_exact() -> None:
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC)) == 1_000_005
    assert microseconds(datetime(2026, 11, 21, 12, 0, 0, 999_999, tzinfo=UTC)) % 1_000_000 == 999_999


@pytest.mark.parametrize(
    ("current", "name"),
    [
        (BERLIN, "Europe/Berlin"),
        (UTC, "UTC"),
        (timezone(timedelta(hours=5, minutes=30)), "+05:30"),
        (timezone(timedelta(hours=-8), "PST"), "-08:00"),
    ],
)
def test_the_zone_has_a_name_that_browsers_know(current: timezone, name: str) -> None:
    with override(current):
        assert zone_name() == name


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(0), "0:00:00"),
        (timedelta(seconds=59, microseconds=999_999), "0:00:59"),
        (timedelta(hours=1, minutes=2, seconds=3), "1:02:03"),
        (timedelta(days=2, seconds=1), "48:00:01"),
    ],
)
def test_durations_have_hours_minutes_and_seconds(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text
