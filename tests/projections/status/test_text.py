"""The texts for single figures. The table is tested with the command presence_status."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.status import COUNTED, text
from tests.projections.test_metrics import KNOWN


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3599.9, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, expected: str) -> None:
    assert text.duration(seconds) == expected


def test_a_count_that_reached_its_limit_may_be_larger() -> None:
    assert text.count(COUNTED - 1) == "99,999"
    assert text.count(COUNTED) == "100,000 or more"


def test_a_lag_is_in_events_and_in_time() -> None:
    many, none = KNOWN.checkpoints
    assert text.lag(many) == "at least 100,000 events and 1 min 1 s"
    assert text.lag(none) == "0 events and 0.0 s"
    assert text.lag(replace(none, lag_events=1)) == "1 event and 0.0 s"
