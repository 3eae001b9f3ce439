"""Stopwatches."""

from __future__ import annotations

import time

import pytest

from projections._live.stopwatch import Stopwatch


def test_a_stopwatch_measures_elapsed_seconds() -> None:
    assert 0 <= Stopwatch().elapsed() < 10
    assert 100 <= Stopwatch(ago=100).elapsed() < 110


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_the_clock_that_shows_more_time_is_used(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was suspended, or the wall clock was set back."""
    stopwatch = Stopwatch()
    real = getattr(time, clock)
    monkeypatch.setattr(time, clock, lambda: real() + 100)
    assert 100 <= stopwatch.elapsed() < 110
    monkeypatch.setattr(time, clock, lambda: real() - 100)
    assert 0 <= stopwatch.elapsed() < 10
