"""One at a time: of all who want to follow the log, one leads, and another takes over when it is gone."""

from __future__ import annotations

import secrets
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.db import Error, connections

from presence_events import sql
from presence_events.exceptions import ConnectionIsPooled
from projections._delivery.notify import CHANNEL

__all__ = ["LeaderLock"]

_FOR_ONE_SESSION = {
    # A machine that is gone without a word is noticed after about ten seconds, instead of after hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # It does nothing most of the time, and that is its job.
    "idle_session_timeout": "0",
}


_TOKEN = "presence_events.leader"  # noqa: S105, the name of a setting


class LeaderLock:
    """An advisory lock on a connection of its own: when the process is killed, PostgreSQL gives it to the next.

    It belongs to the session, so the connection must not go through a pooler that lends sessions out.
    """

    def __init__(self, name: str, *, using: str) -> None:
        self._name = f"presence:{name}"
        self._connection: Any = connections[using].copy()
        self._connection.settings_dict = deepcopy(self._connection.settings_dict)
        # What is given back to a pool keeps its locks.
        self._connection.settings_dict["OPTIONS"].pop("pool", None)
        self._listens = False

    def acquire(self) -> bool:
        """Tries to become the leader. Returns whether this process leads now.

        Raises `ConnectionIsPooled` if the lock would stay behind in a pooler.
        """
        try:
            if self.is_held():
                return True
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [self._name])
                if not cursor.fetchone()[0]:
                    return False
                token = secrets.token_hex(8)
                for setting, value in {**_FOR_ONE_SESSION, _TOKEN: token}.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
            if self._is_lent(token):
                raise ConnectionIsPooled
            return True
        except (Error, ConnectionIsPooled):
            self.release()
            raise

    def is_held(self) -> bool:
        """Whether this process leads. It no longer does once its database connection is lost, which raises."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql.read("projections", "queries/leader_lock/is_held"))
                return bool(cursor.fetchone()[0])
        except Error:
            self.release()
            raise

    def _is_lent(self, token: str) -> bool:
        """Whether somebody else who connects like this gets the very session that has the lock."""
        other = self._connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT current_setting(%s, true)", [_TOKEN])
                return bool(cursor.fetchone()[0] == token)
        finally:
            other.close()

    def wait(self, seconds: float) -> None:
        """Waits that long, or until somebody calls `wake`."""
        if not self._listens:
            with self._connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._listens = True
        with self._connection.wrap_database_errors:
            for _ in self._connection.connection.notifies(timeout=seconds, stop_after=1):
                pass

    def release(self) -> None:
        """Somebody else may lead, at once."""
        self._listens = False
        # PostgreSQL ends a session a moment after it was closed.
        if self._connection.connection is not None and not self._connection.errors_occurred:
            with suppress(Error), self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()
