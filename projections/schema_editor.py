"""Lets a migration of your project change the type of user keys, for example from AutoField to BigAutoField.

Django then changes the type of ``user_id`` in the log and in the presences too. PostgreSQL refuses that while views and
functions depend on the column, as ``presence_session`` and the functions of reports do. `DependentsMixin` drops them
before and creates them again afterwards, in one transaction, with their owners, rights and comments. That includes
views and functions of yours that depend on these.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.utils import load_backend

from presence_events import sql

__all__ = ["DependentsMixin", "extend_schema_editors"]

_TABLES = ("presence_event", "presence_open_stay")


def extend_schema_editors() -> None:
    """Adds `DependentsMixin` to the schema editors of all PostgreSQL databases. Can be called again."""
    for settings in connections.settings.values():
        wrapper: Any = load_backend(settings["ENGINE"]).DatabaseWrapper
        editor = wrapper.SchemaEditorClass
        # The dummy database has none.
        if editor and issubclass(editor, DatabaseSchemaEditor) and not issubclass(editor, DependentsMixin):
            wrapper.SchemaEditorClass = type(editor.__name__, (DependentsMixin, editor), {})


class DependentsMixin:
    """A schema editor that recreates what depends on the type of user keys while it changes."""

    connection: Any

    def _alter_field(self, model: Any, old_field: Any, new_field: Any, *args: Any, **kwargs: Any) -> None:
        editor: Any = super()
        before, after = old_field.db_parameters(self.connection), new_field.db_parameters(self.connection)
        if before == after or not _is_user_key(old_field):
            editor._alter_field(model, old_field, new_field, *args, **kwargs)
            return
        with transaction.atomic(self.connection.alias):
            dependents = self._dependents()
            for drop, _ in reversed(dependents):
                editor.execute(drop, None)
            editor._alter_field(model, old_field, new_field, *args, **kwargs)
            for _, statements in dependents:
                for statement in statements:
                    editor.execute(statement, None)

    def _dependents(self) -> list[Any]:
        tables = [table for table in _TABLES if table in self.connection.introspection.table_names()]
        return sql.rows(
            "projections", "queries/schema_editor/dependents", {"tables": tables}, using=self.connection.alias
        )


def _is_user_key(field: Any) -> bool:
    """Whether ``field`` is the user key of one of our tables, or the field that such a key refers to."""
    if field.model._meta.db_table in _TABLES:
        return bool(field.column == "user_id")
    return any(
        field in relation.field.foreign_related_fields and _is_user_key(relation.field)
        for relation in field.model._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)
    )
