"""Allows Django's test runner and pytest-django to truncate test databases. All other databases refuse TRUNCATE.

The trigger ``append_only`` allows TRUNCATE if the setting ``presence_events.test_database`` holds the name of the
current database. A connection gets this setting only in a test process (Django's ``setup_test_environment`` has run),
and only if the name of its database is one that the test runner chooses. A connection that is switched to another
database does not match the setting any more.
"""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX
from django.test.utils import _TestState

_configured_names: dict[str, Any] = {}


def remember_configured_names() -> None:
    """Stores the names of the databases before a test runner replaces them. Call it at start-up.

    Later calls change nothing. Django makes one when a test overrides ``INSTALLED_APPS``.
    """
    if not _configured_names:
        _configured_names.update({alias: database["NAME"] for alias, database in connections.settings.items()})


def allow_truncate(sender: Any, connection: Any, **kwargs: Any) -> None:
    """Allows TRUNCATE on ``connection`` if its database is a test database. A receiver of ``connection_created``."""
    if connection.vendor == "postgresql" and is_test_database(connection):
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('presence_events.test_database', current_database(), false)")


def is_test_database(connection: Any) -> bool:
    """Whether this is a test process, and a test runner made the database of ``connection``."""
    if not hasattr(_TestState, "saved_data"):
        return False
    name = connection.settings_dict["NAME"] or ""
    configured_name = _configured_names.get(connection.alias)
    test_name = connection.settings_dict.get("TEST", {}).get("NAME") or (
        TEST_DATABASE_PREFIX + configured_name if configured_name else ""
    )
    # The databases of parallel runs have a suffix.
    return bool(test_name) and (name == test_name or name.startswith(f"{test_name}_"))
