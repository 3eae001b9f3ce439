"""Which databases may be emptied."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import utils

from presence_events import test_databases


class FakeConnection(SimpleNamespace):
    """A connection only so far as the question goes: what is it called, what was it called before."""

    executed = False

    def cursor(self) -> Any:
        self.executed = True
        return connection.cursor()


def _marks(
    name: str | None, *, configured: str | None = "site", test_name: str | None = None, vendor: str = "postgresql"
) -> bool:
    settings = {"NAME": name, "TEST": {"NAME": test_name}}
    fake = FakeConnection(alias="fake", vendor=vendor, settings_dict=settings)
    if configured is not None:
        test_databases._configured["fake"] = configured
    try:
        test_databases.mark(None, fake)
    finally:
        test_databases._configured.pop("fake", None)
    return fake.executed


pytestmark = pytest.mark.django_db


def test_the_database_a_runner_has_put_in_place_is_a_test_database() -> None:
    assert _marks("test_site")


def test_the_configured_database_is_none_even_in_a_test_process() -> None:
    assert not _marks("site")


def test_a_database_that_the_settings_call_the_test_database_is_one() -> None:
    assert _marks("site", test_name="site")


def test_those_of_parallel_runs_are_test_databases() -> None:
    assert _marks("test_site_2")
    assert _marks("test_site_gw0")
    assert _marks("other_gw0", test_name="other")


def test_a_database_unknown_at_start_up_is_none() -> None:
    assert not _marks("test_site", configured=None)


@pytest.mark.parametrize("name", ["slack", "test_sitemap", "postgres", None])
def test_another_database_that_the_alias_was_switched_to_is_none(name: str | None) -> None:
    assert not _marks(name)


def test_settings_that_say_nothing_of_tests_are_understood() -> None:
    fake = FakeConnection(alias="unknown", vendor="postgresql", settings_dict={"NAME": "site"})
    test_databases.mark(None, fake)
    assert not fake.executed


def test_no_other_vendor_is_asked() -> None:
    assert not _marks("test_site", vendor="sqlite")


def test_no_process_but_a_test_process_marks_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert not _marks("test_site")


def test_the_mark_names_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('presence_events.test_database') = current_database()")
        assert cursor.fetchone() == (True,)
