"""The system checks of schemas for each tenant, and of row-level security."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection, connections
from django.test import override_settings

from projections import tenancy
from projections.models import Room


class LogOnlyElsewhere:
    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "default"


@pytest.fixture
def _switching() -> Iterator[None]:
    connections.settings["tenants"] = {**connections.settings["default"], "ENGINE": "tests.schema_switching"}
    yield
    del connections.settings["tenants"]
    del connections["tenants"]


def ids() -> list[str]:
    return [str(message.id) for message in run_checks()]


@pytest.mark.usefixtures("_switching")
def test_a_backend_that_switches_schemas_is_refused() -> None:
    (message,) = run_checks()
    assert message.id == "projections.E006"
    assert "'tenants'" in message.msg
    assert "SHARED_APPS" in str(message.hint)


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize(
    ("settings_of_package", "expected"),
    [
        ({"TENANT_APPS": ["shop"], "SHARED_APPS": ["presence_events", "projections"]}, []),
        ({"TENANT_APPS": ["shop", "projections"]}, ["projections.E006"]),
        ({"TENANT_APPS": ["presence_events.apps.PresenceEventsConfig"]}, ["projections.E006"]),
        ({"TENANT_TYPES": {"public": {"APPS": ["projections"]}, "shop": {"APPS": ["shop"]}}}, []),
        ({"TENANT_TYPES": {"public": {"APPS": []}, "shop": {"APPS": ["projections"]}}}, ["projections.E006"]),
        ({"TENANTS": {"public": {"APPS": ["projections"]}, "default": {"URLCONF": "shop"}}}, []),
        ({"TENANTS": {"public": {}, "default": {"APPS": ["projections"]}}}, ["projections.E006"]),
    ],
)
def test_tables_in_a_shared_schema_are_fine(settings_of_package: dict[str, Any], expected: list[str]) -> None:
    with override_settings(**settings_of_package):
        assert ids() == expected


@pytest.mark.usefixtures("_switching")
def test_a_database_without_presence_may_switch_schemas(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [LogOnlyElsewhere()]
    assert ids() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statement", ["ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"])
def test_row_level_security_that_applies_to_the_owner_is_refused(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Room._meta.db_table} {statement}")
        try:
            assert run_checks(databases=["default"]) == []  # neither is enough
            cursor.execute(f"ALTER TABLE {Room._meta.db_table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
            (message,) = run_checks(databases=["default"])
        finally:
            cursor.execute(f"ALTER TABLE {Room._meta.db_table} DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")
    assert message.id == "projections.E104"
    assert "presence_room" in message.msg


@pytest.mark.django_db
def test_row_level_security_that_applies_to_the_role_of_the_check_is_refused() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE limited")
        cursor.execute(f"ALTER TABLE {Room._meta.db_table} ENABLE ROW LEVEL SECURITY")
        cursor.execute("SET LOCAL ROLE limited")
        messages = [*tenancy.check_row_level_security(None, ["default"])]
        cursor.execute("RESET ROLE")
    assert [message.id for message in messages] == ["projections.E104"]


@pytest.mark.django_db
def test_a_database_that_is_unavailable_or_has_no_presence_is_skipped(settings: Any) -> None:
    missing = {"ENGINE": "tests.tenant_backend", "HOST": "/nowhere", "PORT": "1"}
    connections.settings["missing"] = {**connections.settings["default"], **missing}
    connections.settings["lite"] = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3"}
    try:
        assert [*tenancy.check_row_level_security(None, ["missing", "lite"])] == []
    finally:
        for alias in ("missing", "lite"):
            del connections.settings[alias]
            del connections[alias]
    assert [*tenancy.check_row_level_security(None, None)] == []
