"""Fixtures for every level of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import postgres


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    postgres.start()
    yield
    postgres.stop()
