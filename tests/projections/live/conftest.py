"""Fixtures for the tests of live connections."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from projections._live import heartbeat


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collects the selections that comparisons record."""
    selections: list[Any] = []
    real = heartbeat.arecord_quietly

    async def listed(selection: Any, using: str) -> Any:
        selections.append(selection)
        return await real(selection, using=using)

    monkeypatch.setattr(heartbeat, "arecord_quietly", listed)
    return selections


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stalls the process for a number of seconds, in which only the wall clock advances."""
    real = time.time

    def stall(seconds: float) -> None:
        monkeypatch.setattr("projections._live.stopwatch.time.time", lambda: real() + seconds)

    return stall
