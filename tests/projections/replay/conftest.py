"""Fixtures for tests of the replay."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from projections.replay import ranges
from tests.concurrency.conftest import DatabaseConnection, new_connection

__all__ = ["new_connection"]


@pytest.fixture
def short_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every history of these tests longer than one range."""
    monkeypatch.setattr(ranges, "MAX_POSITIONS", 3)


@pytest.fixture
def a(new_connection: Callable[..., DatabaseConnection]) -> DatabaseConnection:
    """A database connection of its own."""
    return new_connection()
