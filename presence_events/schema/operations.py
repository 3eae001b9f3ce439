"""What migrations of a log that is in use are made of."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently

__all__ = ["AddIndexConcurrentlyIfMissing"]


class AddIndexConcurrentlyIfMissing(AddIndexConcurrently):
    """Makes an index while appends go on, and can be repeated.

    PostgreSQL leaves an index that is not valid when it is interrupted: that is made anew. One that is complete stays.
    Migrations refer to this: it is never changed, only succeeded.
    """

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if not self.allow_migrate_model(
            schema_editor.connection.alias, to_state.apps.get_model(app_label, self.model_name)
        ):
            return
        name = schema_editor.quote_name(self.index.name)
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
            found = cursor.fetchone()
        if found == (True,):
            return
        if found:
            schema_editor.execute(f"DROP INDEX CONCURRENTLY {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)
