"""Lets Django's test runner, and pytest-django, empty test databases; all others refuse TRUNCATE.

A connection is told that its database is a test database only if the process is a test process (Django's
``setup_test_environment`` has run) and the database is called what the runner calls those it makes. The setting holds
the database's name, so it says nothing about any other database it might end up in.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from django.test.utils import _TestState

_configured: dict[str, Any] = {}


def remember_configuration() -> None:
    """Notes what the databases are called before a test runner renames them. Called once, at start-up."""
    for alias, database in connections.settings.items():
        _configured[alias] = database["NAME"]


def mark(sender: Any, connection: Any, **kwargs: Any) -> None:
    """A receiver of ``connection_created``."""
    if connection.vendor == "postgresql" and is_test_database(connection):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('presence_events.test_database', current_database(), false)")


def is_test_database(connection: Any) -> bool:
    """Whether a test runner made the database of ``connection``, and this process is one."""
    if not hasattr(_TestState, "saved_data"):
        return False
    name = connection.settings_dict["NAME"] or ""
    configured = _configured.get(connection.alias)
    test_name = connection.settings_dict.get("TEST", {}).get("NAME") or (
        TEST_DATABASE_PREFIX + configured if configured else ""
    )
    # Those of parallel runs have a suffix.
    return bool(test_name) and (name == test_name or name.startswith(f"{test_name}_"))
