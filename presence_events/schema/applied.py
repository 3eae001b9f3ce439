"""Reads which migrations have been applied to a database."""

from __future__ import annotations

from django.db import ProgrammingError, connections, transaction
from django.db.migrations.executor import MigrationExecutor

__all__ = ["migration_executor"]

_INSUFFICIENT_PRIVILEGE = "42501"


def migration_executor(alias: str) -> MigrationExecutor | None:
    """Returns Django's view of the migrations of the database ``alias``, or None without the right to read it.

    The role of an application needs no right on the table of migrations. Raises any other error of the database.
    """
    try:
        with transaction.atomic(using=alias):
            return MigrationExecutor(connections[alias])
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != _INSUFFICIENT_PRIVILEGE:
            raise
        return None
