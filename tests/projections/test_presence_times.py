from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.template import engines
from django.utils.timezone import override

TEMPLATE = "{% load presence_times %}{{ time|timestamp }}, {{ time|timestamp_exact }}"


def shown(time: datetime | None) -> str:
    with override(ZoneInfo("Europe/Berlin")):
        return engines["django"].from_string(TEMPLATE).render({"time": time})


def test_times_are_shown_in_the_current_time_zone() -> None:
    assert shown(datetime(2026, 3, 1, 9, 0, 0, 7, tzinfo=UTC)) == "2026-03-01 10:00:00, 2026-03-01 10:00:00.000007"


def test_naive_times_are_shown_as_they_are() -> None:
    assert shown(datetime(2026, 3, 1, 9)) == "2026-03-01 09:00:00, 2026-03-01 09:00:00.000000"


def test_an_ambiguous_time_is_shown_with_its_offset() -> None:
    assert shown(datetime(2024, 10, 27, 0, 30, tzinfo=UTC)).startswith("2024-10-27 02:30:00+02:00, ")
    assert shown(datetime(2024, 10, 27, 1, 30, tzinfo=UTC)).endswith(", 2024-10-27 02:30:00.000000+01:00")
    assert shown(datetime(2024, 3, 31, 1, 0, tzinfo=UTC)).startswith("2024-03-31 03:00:00, ")


def test_none_is_shown_as_nothing() -> None:
    assert shown(None) == ", "
