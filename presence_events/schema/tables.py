"""Compares the tables, sequences, constraints and indexes in a database with what the models declare.

It reads the system catalogs, in one query for each of them, and writes nothing. Constraints and indexes are
compared by name, by column and by state. What a condition or an expression says is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models

from presence_events import sql
from presence_events.schema.fields import PositionField

__all__ = ["Fault", "constraint_faults", "missing_indexes", "segment_faults", "sequence_faults", "table_faults"]


class Fault(NamedTuple):
    """What is wrong with a table, or with something that belongs to it."""

    name: str
    """The name of the table or of the sequence."""
    detail: str
    """For a constraint a sentence, otherwise a predicate: "is not permanent"."""


class _Constraint(NamedTuple):
    table: str
    kind: str
    """The ``contype`` of pg_constraint."""
    name: str | None = None
    column: str | None = None
    target: str | None = None


def table_faults(app_label: str, *, using: str) -> list[Fault]:
    """Returns what is wrong with the tables of the app in the database ``using``.

    The owner needs all rights on the projections, which the fold writes with them. The log is appended with the rights
    of the caller, so an owner may give up rights on it, but not SELECT, which the view of stays uses.
    """
    privileges = ["SELECT"] if app_label == "presence_events" else ["SELECT", "INSERT", "UPDATE", "DELETE"]
    tables = [model._meta.db_table for model in _models(app_label)]
    return _faults("tables", {"tables": tables, "privileges": privileges}, using)


def segment_faults(*, using: str) -> list[Fault]:
    """Returns what is wrong with the partitions of the log in the database ``using``, and with their guard."""
    body = sql.read("presence_events", "functions/presence_segment_guard").split("$$")[1]
    return _faults("segments", {"body": body}, using)


def sequence_faults(app_label: str, *, using: str) -> list[Fault]:
    """Returns what is wrong with the sequences from which the fold draws the keys of the app's tables.

    These are the keys that Django does not generate, that are numbers, and that are not editable.
    """
    keys = [
        (model._meta.db_table, key.column)
        for model in _models(app_label)
        if isinstance(key := model._meta.pk, models.BigIntegerField)
        and not isinstance(key, models.AutoField)
        and not key.editable
    ]
    parameters = {
        "tables": [table for table, _ in keys],
        "sequences": [f"{table}_{column}_seq" for table, column in keys],
    }
    return _faults("sequences", parameters, using)


def constraint_faults(app_label: str, *, using: str) -> list[Fault]:
    """Returns what is wrong with the primary keys, foreign keys and declared constraints of the app's tables."""
    expected = [constraint for model in _models(app_label) for constraint in _constraints(model)]
    parameters = {
        "tables": [constraint.table for constraint in expected],
        "kinds": [constraint.kind for constraint in expected],
        "names": [constraint.name for constraint in expected],
        "columns": [constraint.column for constraint in expected],
        "targets": [constraint.target for constraint in expected],
    }
    return _faults("constraints", parameters, using)


def missing_indexes(app_label: str, *, using: str) -> list[tuple[str, str]]:
    """Returns the table and the name of each declared index that does not exist or is invalid."""
    expected = [
        (model._meta.db_table, index.name)
        for model in _models(app_label)
        for index in (*model._meta.indexes, *filter(_is_index, model._meta.constraints))
    ]
    parameters = {"tables": [table for table, _ in expected], "names": [name for _, name in expected]}
    rows = sql.rows("presence_events", "queries/tables/indexes", parameters, using=using)
    return [(table, name) for table, name in rows]


def _models(app_label: str) -> list[type[models.Model]]:
    """Returns the models of the app that have a table of their own."""
    found = apps.get_app_config(app_label).get_models()
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def _is_index(constraint: models.BaseConstraint) -> bool:
    """Returns whether PostgreSQL has a unique index for ``constraint``, and no constraint."""
    return isinstance(constraint, models.UniqueConstraint) and constraint.condition is not None


def _constraints(model: type[models.Model]) -> Iterator[_Constraint]:
    table = model._meta.db_table
    if not isinstance(model._meta.pk, PositionField):
        yield _Constraint(table, "p", column=model._meta.pk.column)
    for constraint in model._meta.constraints:
        if _is_index(constraint):
            continue
        yield _Constraint(table, "c" if isinstance(constraint, models.CheckConstraint) else "u", constraint.name)
    fields: Sequence[Any] = model._meta.concrete_fields
    for field in fields:
        if field.is_relation and field.db_constraint:
            yield _Constraint(table, "f", column=field.column, target=field.remote_field.model._meta.db_table)


def _faults(query: str, parameters: Mapping[str, Any], using: str) -> list[Fault]:
    return [Fault._make(row) for row in sql.rows("presence_events", f"queries/tables/{query}", parameters, using=using)]
