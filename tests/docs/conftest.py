"""Fixtures for the tests of the documentation and the demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.docs.history import DEMO


@pytest.fixture(scope="module")
def demo_can_be_imported() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(DEMO)
        yield
