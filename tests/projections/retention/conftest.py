"""Every test here finds and leaves the segments as ``migrate`` makes them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import segments


@pytest.fixture(autouse=True)
def _reset(transactional_db: None) -> Iterator[None]:
    segments.reset()
    yield
    segments.reset()
