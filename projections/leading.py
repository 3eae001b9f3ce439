"""One at a time: of all who want to follow the log, one leads, and another takes over when it is gone."""

from __future__ import annotations

from typing import Any

from django.db import Error, connections

__all__ = ["Leadership"]


class Leadership:
    """An advisory lock on a connection of its own: when the process is killed, PostgreSQL gives it to the next.

    It belongs to the session, so the connection must not go through a pooler that lends sessions out.
    """

    def __init__(self, name: str, *, using: str) -> None:
        self._name = f"presence:{name}"
        self._connection: Any = connections[using].copy()

    def held(self) -> bool:
        """Whether this process leads, from now on if it did not. Nobody leads whose connection has been lost."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
                    " OR pg_try_advisory_lock(hashtextextended(%s, 0))",
                    [self._name],
                )
                return bool(cursor.fetchone()[0])
        except Error:
            self.resign()
            raise

    def resign(self) -> None:
        """Somebody else may lead."""
        self._connection.close()
