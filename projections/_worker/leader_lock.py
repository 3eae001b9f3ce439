"""Elects one leader among the workers of a name. When the leader ends, another worker takes over."""

from __future__ import annotations

import secrets
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.db import Error, connections

from presence_events import sql
from presence_events.exceptions import ConnectionIsPooled
from projections._delivery.wakeup import CHANNEL

__all__ = ["LeaderLock"]

_CONNECTION_SETTINGS = {
    # PostgreSQL notices after about ten seconds that the machine of the leader is unreachable, instead of after hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # The connection is idle most of the time, and must stay open.
    "idle_session_timeout": "0",
}

_TOKEN = "presence_events.leader"  # noqa: S105, the name of a setting


class LeaderLock:
    """An advisory lock that the worker ``name`` holds on a database connection of its own.

    PostgreSQL releases the lock when the connection ends, also if the process is killed. The connection must not go
    through a pooler that shares database connections between clients, since the lock would stay there.
    """

    def __init__(self, name: str, *, using: str) -> None:
        self._name = f"presence:{name}"
        self._connection: Any = connections[using].copy()
        self._connection.settings_dict = deepcopy(self._connection.settings_dict)
        # A connection that is returned to a pool keeps its locks.
        self._connection.settings_dict["OPTIONS"].pop("pool", None)
        self._listens = False

    def acquire(self) -> bool:
        """Tries to acquire the lock, without waiting. Returns whether this process is the leader now.

        Raises `ConnectionIsPooled` if the lock would stay behind in a pooler, and `django.db.Error` if the database
        fails. The lock is released if it raises.
        """
        try:
            if self.is_held():
                return True
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [self._name])
                if not cursor.fetchone()[0]:
                    return False
                token = secrets.token_hex(8)
                for setting, value in {**_CONNECTION_SETTINGS, _TOKEN: token}.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
            if self._is_pooled(token):
                raise ConnectionIsPooled
            return True
        except (Error, ConnectionIsPooled):
            self.release()
            raise

    def is_held(self) -> bool:
        """Returns whether this process is the leader.

        Raises `django.db.Error` if the database connection is lost, and with it the lock.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql.read("projections", "queries/leader_lock/is_held"))
                return bool(cursor.fetchone()[0])
        except Error:
            self.release()
            raise

    def wait(self, seconds: float) -> None:
        """Waits for ``seconds`` or until `wake` is called. The lock must be held."""
        if not self._listens:
            with self._connection.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
            self._listens = True
        with self._connection.wrap_database_errors:
            for _ in self._connection.connection.notifies(timeout=seconds, stop_after=1):
                pass

    def release(self) -> None:
        """Releases the lock, if it is held, and closes the connection. Another worker can lead at once."""
        self._listens = False
        # PostgreSQL ends a database connection only a moment after it was closed, so the lock is released first.
        if self._connection.connection is not None and not self._connection.errors_occurred:
            with suppress(Error), self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    def _is_pooled(self, token: str) -> bool:
        """Returns whether a new connection gets the database connection that has the lock."""
        other = self._connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT current_setting(%s, true)", [_TOKEN])
                return bool(cursor.fetchone()[0] == token)
        finally:
            other.close()
