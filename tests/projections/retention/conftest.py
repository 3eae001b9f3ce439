"""Every test here finds and leaves the segments as ``migrate`` makes them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _reset(segments_reset: None) -> None:
    pass
