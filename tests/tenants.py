"""A database for each tenant, as sites have it: a ContextVar says whose request this is, and a router reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import connections

tenant: ContextVar[str] = ContextVar("tenant")

TENANTS = ("acme", "blue")


class TenantRouter:
    """Raises LookupError outside of a request, where no tenant is known."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return tenant.get()

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True


class LenientRouter(TenantRouter):
    """Leaves the choice to Django outside of a request."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return tenant.get(None)

    db_for_write = db_for_read


@contextmanager
def databases() -> Iterator[None]:
    """Makes the databases of the tenants, as copies of the test database, and drops them at the end."""
    default = connections["default"]
    name = default.settings_dict["NAME"]
    _close()
    try:
        with default._nodb_cursor() as cursor:
            for alias in TENANTS:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}_{alias}" WITH (FORCE)')
                cursor.execute(f'CREATE DATABASE "{name}_{alias}" TEMPLATE "{name}"')
        for alias in TENANTS:
            connections.settings[alias] = {
                **connections.settings["default"],
                "ENGINE": "tests.tenant_backend",
                "NAME": f"{name}_{alias}",
                "TEST": {**connections.settings["default"]["TEST"], "NAME": f"{name}_{alias}"},
            }
        yield
    finally:
        _close()
        for alias in TENANTS:
            connections.settings.pop(alias, None)
            if hasattr(connections._connections, alias):
                delattr(connections._connections, alias)
        with default._nodb_cursor() as cursor:
            for alias in TENANTS:
                cursor.execute(f'DROP DATABASE IF EXISTS "{name}_{alias}" WITH (FORCE)')


def of_tenant(alias: str, application: Any) -> Any:
    """Returns ``application`` behind a middleware that sets the tenant."""

    async def middleware(scope: Any, receive: Any, send: Any) -> Any:
        tenant.set(alias)
        return await application(scope, receive, send)

    return middleware


def _close() -> None:
    for alias in ("default", *TENANTS):
        if alias in connections.settings:
            connections[alias].close()
