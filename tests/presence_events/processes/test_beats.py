"""The timer of beats. What a beat does is tested in `test_registry`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from presence_events.processes import beats
from presence_events.processes.beats import BeatTimer
from presence_events.processes.registry import Registration
from tests.waiting import until


class Failing(Registration):
    def __init__(self) -> None:
        super().__init__("default", may_claim=True)
        self.attempts: list[float] = []

    def beat(self) -> bool:
        self.attempts.append(asyncio.get_running_loop().time())
        return False


def at_once(function: Callable[[], None]) -> None:
    function()


async def test_a_beat_that_failed_is_repeated_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "MAX_RETRY_DELAY", 0.01)
    monkeypatch.setattr(beats, "beat_interval", lambda: 3600.0)
    registration = Failing()
    timer = BeatTimer(registration, at_once)
    timer.start()
    await until(lambda: len(registration.attempts) >= 3)
    timer.stop()


async def test_a_beat_that_failed_is_not_repeated_later_than_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beats, "beat_interval", lambda: 0.01)
    registration = Failing()
    timer = BeatTimer(registration, at_once)
    timer.start()
    await until(lambda: len(registration.attempts) >= 3)
    timer.stop()
    assert timer._timer is None


async def test_a_loop_that_runs_no_longer_than_one_call_sends_no_beats() -> None:
    registration: Any = Registration("default", may_claim=False)
    timer = BeatTimer(registration, at_once)
    timer.start()
    assert timer._timer is None
    assert not registration.has_beats
