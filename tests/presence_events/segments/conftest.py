"""Every test here may divide the log into segments."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _maintained(maintained_log: None) -> None:
    pass
