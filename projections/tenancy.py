"""System checks for sites that switch the schema or the role of a database session for each request.

Heartbeats, leaves at the end of a socket, rejoins and dead-server prunes run without a request, in database sessions of
their own. They find the database of a stay by its alias, and nothing else that a request sets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import DatabaseError, connections

from presence_events import sql
from presence_events.databases import that_can_have_the_log
from presence_events.models import PresenceEvent
from projections.models import Presence, Process, Room
from projections.table_names import APPS

__all__ = ["check_row_level_security", "check_schemas"]

SCHEMA_SWITCHING_PACKAGES = ("django_pgschemas", "django_tenants", "tenant_schemas")
"""Packages with a database backend that sets the search path for each request."""


def check_schemas(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> Iterable[checks.CheckMessage]:
    """Refuses tables of presence in schemas that each request switches to. It needs no database."""
    in_tenants = _apps_in_tenant_schemas()
    for alias in that_can_have_the_log(connections):
        if _switches_schemas(connections[alias]) and (in_tenants is None or in_tenants):
            yield checks.Error(
                f"The backend of the database {alias!r} switches the schema for each request, and presence is not "
                "limited to a shared schema. Heartbeats and leaves run without a request: they would not find it.",
                hint="Keep 'presence_events' and 'projections' in one schema (with django-tenants: in SHARED_APPS, "
                "not in TENANT_APPS), with the tenant in the names of rooms. Or use a database alias for each tenant. "
                "See Tenants in the documentation.",
                id="projections.E006",
            )


def check_row_level_security(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """Refuses row-level security on the tables, where it applies to the owner or to the role that runs the check."""
    tables = [model._meta.db_table for model in (PresenceEvent, Room, Presence, Process)]
    for alias in that_can_have_the_log(databases):
        try:
            rows = sql.rows("projections", "queries/tenancy/row_security", {"tables": tables}, using=alias)
        except DatabaseError:
            continue  # E101 reports a database that is unavailable.
        for (table,) in rows:
            yield checks.Error(
                f"Row-level security is active on {table} in the database {alias!r}.",
                hint="Heartbeats, leaves and prunes run without the role and the settings of a request, and would not "
                f"see the rows. Execute ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, and let the role of the "
                "servers bypass row-level security, or disable it. See Tenants in the documentation.",
                id="projections.E104",
            )


def _switches_schemas(connection: Any) -> bool:
    """Whether the backend of ``connection`` has a way to switch the schema of a database session."""
    packages = {cls.__module__.partition(".")[0] for cls in type(connection).__mro__}
    return hasattr(connection, "set_schema") or not packages.isdisjoint(SCHEMA_SWITCHING_PACKAGES)


def _apps_in_tenant_schemas() -> set[str] | None:
    """Returns the apps of this library that have tables in the schemas of tenants. None if no setting tells."""
    lists = [*_lists_of_apps()]
    if not lists:
        return None
    return {app for app in APPS for names in lists for name in names if name.partition(".")[0] == app}


def _lists_of_apps() -> Iterator[Sequence[str]]:
    """Yields the lists of apps in the schemas of tenants, as django-tenants and django-pgschemas have them."""
    apps: Sequence[str] | None = getattr(settings, "TENANT_APPS", None)
    if apps is not None:
        yield apps
    for types in (getattr(settings, "TENANT_TYPES", {}), getattr(settings, "TENANTS", {})):
        for name, options in types.items():
            if name != "public":
                yield options.get("APPS", ())
