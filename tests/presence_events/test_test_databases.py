"""The databases that may be truncated."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import utils
from django.test.utils import isolate_apps

from presence_events import test_databases


class FakeConnection(SimpleNamespace):
    """A database connection with the attributes that decide whether its database is a test database."""

    executed = False

    def cursor(self) -> Any:
        self.executed = True
        return connection.cursor()


def is_marked(
    name: str | None, *, configured: str | None = "site", test_name: str | None = None, vendor: str = "postgresql"
) -> bool:
    settings = {"NAME": name, "TEST": {"NAME": test_name}}
    fake = FakeConnection(alias="fake", vendor=vendor, settings_dict=settings)
    if configured is not None:
        test_databases._configured_names["fake"] = configured
    try:
        test_databases.allow_truncate(None, fake)
    finally:
        test_databases._configured_names.pop("fake", None)
    return fake.executed


pytestmark = pytest.mark.django_db


def test_a_database_with_the_prefix_of_the_runner_is_a_test_database() -> None:
    assert is_marked("test_site")


def test_the_configured_database_is_not_a_test_database() -> None:
    assert not is_marked("site")


def test_a_database_with_the_test_name_of_the_settings_is_a_test_database() -> None:
    assert is_marked("site", test_name="site")


def test_the_databases_of_parallel_runs_are_test_databases() -> None:
    assert is_marked("test_site_2")
    assert is_marked("test_site_gw0")
    assert is_marked("other_gw0", test_name="other")


def test_a_database_unknown_at_start_up_is_not_a_test_database() -> None:
    assert not is_marked("test_site", configured=None)


@pytest.mark.parametrize("name", ["slack", "test_sitemap", "postgres", None])
def test_another_database_that_the_alias_was_switched_to_is_not_a_test_database(name: str | None) -> None:
    assert not is_marked(name)


def test_settings_without_a_test_section_are_accepted() -> None:
    fake = FakeConnection(alias="unknown", vendor="postgresql", settings_dict={"NAME": "site"})
    test_databases.allow_truncate(None, fake)
    assert not fake.executed


def test_other_vendors_are_ignored() -> None:
    assert not is_marked("test_site", vendor="sqlite")


def test_only_a_test_process_marks_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert not is_marked("test_site")


def test_the_setting_contains_the_name_of_the_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('presence_events.test_database') = current_database()")
        assert cursor.fetchone() == (True,)


def test_apps_that_are_started_again_in_a_test_change_nothing() -> None:
    with isolate_apps("presence_events", "projections"):
        assert test_databases.is_test_database(connection)
