"""The database that the log is written to."""

from __future__ import annotations

from typing import Any

import pytest

from presence_events.databases import write_alias
from presence_events.models import PresenceEvent


class Router:
    """Writes events to the database ``log``, or to the one that a hint names."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return hints.get("shard", "log") if model is PresenceEvent else None


@pytest.fixture
def _routed(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.Router"]


def test_without_routers_it_is_the_default_database() -> None:
    assert write_alias() == "default"


@pytest.mark.usefixtures("_routed")
def test_a_router_chooses_the_database() -> None:
    assert write_alias() == "log"


@pytest.mark.usefixtures("_routed")
def test_hints_are_passed_to_the_routers() -> None:
    assert write_alias(shard="second") == "second"


@pytest.mark.usefixtures("_routed")
def test_an_alias_that_the_caller_passes_comes_before_the_routers() -> None:
    assert write_alias("other") == "other"
