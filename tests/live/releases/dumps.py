"""Dumps what the two apps have created in a database."""

from __future__ import annotations

from presence_events import sql
from tests.live.databases import Cluster
from tests.live.dumps import dump

_OTHERS = ("accounts_*", "auth_*", "django_*")
_APPLIED = "SELECT app, name FROM django_migrations WHERE app IN ('presence_events', 'projections') ORDER BY id"


def release_dump(cluster: Cluster) -> str:
    """Returns the schema, the rows and the applied migrations, as SQL for every supported server."""
    applied = ",\n    ".join(f"('{app}', '{name}', now())" for app, name in cluster.query(_APPLIED))
    insert = f"INSERT INTO public.django_migrations (app, name, applied) VALUES\n    {applied};\n"
    return _portable(_dump(cluster)) + insert


def schema(cluster: Cluster) -> str:
    """Returns the schema, without rows. It depends on the release of the server."""
    # PostgreSQL names some expressions in a function again when it reads a dump of it.
    return _portable(_dump(cluster, "--schema-only")).replace(" AS int4", "")


def grants() -> str:
    """Returns the statements that give a role what the application needs."""
    return "".join(f"{sql.read(app_label, 'grants/app')}\n" for app_label in ("presence_events", "projections"))


def _dump(cluster: Cluster, *options: str) -> str:
    return dump(cluster, "--no-owner", *[f"--exclude-table={name}" for name in _OTHERS], *options)


def _portable(dumped: str) -> str:
    """Returns ``dumped`` without the lines that differ each time or that only some releases of PostgreSQL know."""
    left_out = ("-- Dumped", "SET transaction_timeout", "\\restrict", "\\unrestrict")
    return "".join(line for line in dumped.splitlines(keepends=True) if not line.startswith(left_out))
