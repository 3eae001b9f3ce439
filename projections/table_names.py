"""Finds tables of others that have the names of ours, such as those of an app that is labelled ``presence``."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connections, models

from presence_events.schema.applied import migration_executor

__all__ = ["APPS", "colliding_models", "foreign_tables"]

APPS = ("presence_events", "projections")
"""The labels of our apps."""


def colliding_models() -> list[type[models.Model]]:
    """Returns the installed models of other apps whose tables have names of ours."""
    names = {table for _, _, table in _own_tables()}
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label not in APPS and _bare(model._meta.db_table) in names
    ]


def foreign_tables(alias: str) -> dict[str, str | None]:
    """Returns the tables and views of others in the database ``alias`` that have names of ours.

    A table is not ours if it exists although the migration that creates ours has not been applied. Each has the label
    of the app that it seems to belong to, or None. Returns an empty dict without the right to read which migrations
    have been applied. Raises what else the database raises.
    """
    connection = connections[alias]
    executor = migration_executor(alias)
    if executor is None:
        return {}
    loader = executor.loader
    own = {key for key in loader.graph.nodes if key[0] in APPS}
    applied = own & loader.applied_migrations.keys()
    if applied == own:
        return {}
    state = loader.project_state(list(applied)).models if applied else {}
    with connection.cursor() as cursor:
        existing = set(connection.introspection.table_names(cursor, include_views=True))
    foreign = sorted(table for app, model, table in _own_tables() if table in existing and (app, model) not in state)
    labels = {label for label, _ in loader.applied_migrations} - {*APPS}
    return {table: next((label for label in labels if table.startswith(f"{label}_")), None) for table in foreign}


def _own_tables() -> list[tuple[Any, Any, str]]:
    """Returns the app label, the name and the table of each of our models, and of the views without one.

    These views are created with the model of presences.
    """
    own = (model._meta for label in APPS for model in apps.get_app_config(label).get_models())
    tables = [(meta.app_label, meta.model_name, meta.db_table) for meta in own if not meta.proxy]
    return [*tables, *(("projections", "presence", view) for view in ("presence", "presence_attendee"))]


def _bare(table: str) -> str:
    """Returns the name of ``table`` without the quotes that some projects write into ``db_table``."""
    return table.strip('"')
