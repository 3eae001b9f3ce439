"""Migration operations for a log that is in use."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.operations import AddIndexConcurrently

__all__ = ["AddIndexConcurrentlyIfMissing"]


class AddIndexConcurrentlyIfMissing(AddIndexConcurrently):
    """Creates an index while appends continue. It can be repeated after an interruption.

    PostgreSQL leaves an invalid index behind when it is interrupted. Such an index is dropped and created again. A
    valid one is kept. Released migrations refer to this class: do not change it, add a new one instead.
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
