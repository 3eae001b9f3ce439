"""The backend. It never connects in a test."""

from __future__ import annotations

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def set_schema(self, schema_name: str) -> None:
        """Sets the search path of the database session."""
