"""What-if questions begin with the last signs of life that the baseline has."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from presence_events.segments import closing
from projections.replay.what_if import gaps
from tests import retention, segments
from tests.backdating import Stay, write

HOUR = timedelta(hours=1)
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _history(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=7)}
    for part in ("touches", "stays"):
        segments.divide(part, date(2026, 2, 1), date(2026, 3, 1))
    write(
        Stay("room", "before", None, NOON, NOON + 3 * HOUR, last_seen=NOON + HOUR),
        Stay("room", "across", None, NOON, NOON + 24 * HOUR, last_seen=NOON + 11 * HOUR),
        Stay("hall", "open", None, NOON, None, last_seen=NOON + 11 * HOUR),
        Stay("hall", "after", None, NOON + 24 * HOUR, NOON + 48 * HOUR, last_seen=NOON + 30 * HOUR),
    )
    with segments.on(date(2026, 2, 1)):
        closing.close("default")


def found(hours: float, **options: Any) -> dict[str | None, tuple[Any, ...]]:
    return {
        gap.channel_name: (gap.room, gap.joined_at, gap.would_end_at, gap.broken_at, gap.broken_by)
        for gap in gaps("default", hours * 3600, **options)
    }


def test_gaps_after_the_baseline_are_those_that_were_there_before_the_removal() -> None:
    twelve = found(12)
    assert list(twelve) == ["across", "after", "open"]
    retention.remove(date(2026, 3, 1))
    assert found(12) == twelve
    assert found(12, room="hall") == {name: twelve[name] for name in ("after", "open")}


def test_gaps_before_the_baseline_are_unknown() -> None:
    assert found(1.5)["before"][2] == NOON + 2.5 * HOUR
    assert found(1.5)["open"][2] == NOON + 1.5 * HOUR
    retention.remove(date(2026, 3, 1))
    after = found(1.5)
    assert "before" not in after
    assert after["open"] == ("hall", NOON, NOON + 12.5 * HOUR, None, None)
