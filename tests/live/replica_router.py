"""The database router of docs/operations/replicas.md."""

from __future__ import annotations

from typing import Any


class PresenceRouter:
    """Reads the past from the replica, and everything else from the primary."""

    past = {"presence_events.presenceevent", "projections.presencesession", "projections.timeline"}

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "replica" if model._meta.label_lower in self.past else "default"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        return False if db == "replica" else None
