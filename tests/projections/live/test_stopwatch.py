"""How long ago something was."""

from __future__ import annotations

import time

import pytest

from projections._live.stopwatch import Stopwatch


def test_a_moment_ages() -> None:
    assert 0 <= Stopwatch().age() < 10
    assert 100 <= Stopwatch(ago=100).age() < 110


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_the_clock_that_says_more_is_believed(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was suspended; or the wall clock was set back."""
    moment = Stopwatch()
    real = getattr(time, clock)
    monkeypatch.setattr(time, clock, lambda: real() + 100)
    assert 100 <= moment.age() < 110
    monkeypatch.setattr(time, clock, lambda: real() - 100)
    assert 0 <= moment.age() < 10
