"""The guards of tables that only the library writes, and writing these tables all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from django.db import connections
from django.db.models import Model

__all__ = ["disabled"]


@contextmanager
def disabled(name: str, models: Iterable[type[Model]], *, using: str) -> Iterator[None]:
    """Disables the triggers ``name`` of ``models`` for this transaction only, which locks their tables against others.

    Only the owner of the tables may do this.
    """
    guards = [
        (model._meta.db_table, trigger.get_pgid(model))
        for model in models
        for trigger in cast(Any, model._meta).triggers
        if trigger.name == name
    ]
    with connections[using].cursor() as cursor:
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {guard}")
        yield
        # PostgreSQL refuses to alter triggers while checks of foreign keys are pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, guard in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {guard}")
