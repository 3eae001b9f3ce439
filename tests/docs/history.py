"""The day of history of the demo. Tests that use it need the fixture `demo_can_be_imported`."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

DEMO = Path(__file__).parent.parent.parent / "docs" / "demo"
START = datetime(2026, 3, 4, 14, 7, 3, 250_000, UTC)


def day(start: datetime = START) -> Any:
    return import_module("history.day").Day(start)


def seed(day: Any = None) -> int:
    stays: int = import_module("history.seed").seed(day)
    return stays
