"""How long ago something was."""

from __future__ import annotations

import time

import pytest

from projections.moments import Moment


def test_a_moment_ages() -> None:
    assert 0 <= Moment().age() < 10
    assert 100 <= Moment(ago=100).age() < 110


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_the_clock_that_says_more_is_believed(clock: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was suspended; or the wall clock was set back."""
    moment = Moment()
    real = getattr(time, clock)
    monkeypatch.setattr(time, clock, lambda: real() + 100)
    assert 100 <= moment.age() < 110
    monkeypatch.setattr(time, clock, lambda: real() - 100)
    assert 0 <= moment.age() < 10
