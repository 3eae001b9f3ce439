"""Elects one leader among the workers of a name. When the leader ends, another worker takes over."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from typing import Any

from django.db import Error, OperationalError, connections

from presence_events import sql
from presence_events.exceptions import ConnectionIsPooled
from presence_events.positions import ON_STANDBY
from projections._delivery.wakeup import channel

__all__ = ["LeaderLock"]

_LOCK_TIMEOUT = "1s"
"""The longest wait for a lock on the table or a row. Until then, a worker does not notice that it shall stop."""

_CONNECTION_SETTINGS = {
    # PostgreSQL notices after about ten seconds that the machine of the leader is unreachable, instead of after hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # The connection is idle most of the time, and must stay open.
    "idle_session_timeout": "0",
    # A row of a leader that is lost in a crash is of no use after it.
    "synchronous_commit": "off",
    "lock_timeout": _LOCK_TIMEOUT,
}

_LOCK_NOT_AVAILABLE = "55P03"

_TOKEN = "presence_events.leader"  # noqa: S105, the name of a setting


class LeaderLock:
    """Leads the workers of ``name``, on a database connection of its own.

    The leader writes a row of ``presence_leader`` with a random key, and the process id and the role of its connection,
    and holds the advisory lock with that key. So no process leads without the right to write that table, and one that
    takes an advisory lock keeps no worker from leading. After the end of a leader, PostgreSQL may give its process id
    to another connection. One of another role does not lead, even if it takes the lock. PostgreSQL shows the role of
    a connection to every role, and the time when it began only to few.

    PostgreSQL releases the lock when the connection ends, also if the process is killed. The connection must not go
    through a pooler that shares database connections between clients, since the lock would stay there.
    """

    def __init__(self, name: str, *, using: str) -> None:
        self._name = name
        self._key: int | None = None
        self._connection: Any = connections[using].copy()
        self._connection.settings_dict = deepcopy(self._connection.settings_dict)
        # A connection that is returned to a pool keeps its locks.
        self._connection.settings_dict["OPTIONS"].pop("pool", None)
        self._listens = False

    def acquire(self) -> bool:
        """Tries to become the leader, without waiting for another. Returns whether this process is the leader now.

        Returns False too if another session locks the table, or the row of this name, for longer than a second.
        Raises `ConnectionIsPooled` if the lock would stay behind in a pooler, and `django.db.Error` if the database
        fails or is a standby. This process does not lead if it raises.
        """
        try:
            _, is_led, is_held = self._query()
            if is_led:
                return is_held
            self._check_that_the_connection_is_its_own()
            if not self._lead():
                self._unlock()
                return False
            return True
        except (Error, ConnectionIsPooled) as error:
            self.release()
            if getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
                return False
            raise

    def is_held(self) -> bool:
        """Returns whether this process is the leader.

        Raises `django.db.Error` if the database connection is lost, and with it the lock, or if another session locks
        the table for longer than a second. The lock is then released.
        """
        if self._key is None:
            return False
        try:
            return self._query()[2]
        except Error:
            self.release()
            raise

    def wait(self, seconds: float) -> None:
        """Waits for ``seconds`` or until `wake` is called. The lock must be held."""
        if not self._listens:
            with self._connection.cursor() as cursor:
                cursor.execute(f'LISTEN "{channel(cursor)}"')
            self._listens = True
        with self._connection.wrap_database_errors:
            for _ in self._connection.connection.notifies(timeout=seconds, stop_after=1):
                pass

    def release(self) -> None:
        """Releases the lock, if it is held, and closes the connection. Another worker can lead at once."""
        self._listens = False
        # PostgreSQL ends a database connection only a moment after it was closed, so the lock is released first.
        if self._connection.connection is not None and not self._connection.errors_occurred:
            with suppress(Error):
                self._unlock()
        self._key = None
        self._connection.close()

    def _query(self) -> tuple[bool, bool, bool]:
        """Returns the row of ``is_led.sql``. Raises `OperationalError` on a standby."""
        with self._connection.cursor() as cursor, self._connection.wrap_database_errors, self._limited_waits(cursor):
            params = {"name": self._name, "key": self._key}
            sql.execute(cursor, sql.read("projections", "queries/leader_lock/is_led"), params)
            row: tuple[bool, bool, bool] = cursor.fetchone()
        if row[0]:
            raise OperationalError(ON_STANDBY)
        return row

    @contextmanager
    def _limited_waits(self, cursor: Any) -> Iterator[None]:
        """Limits how long statements wait for locks.

        Until the connection was checked, it may be one of a pooler, so the setting is limited to a transaction.
        """
        if self._key is not None:
            yield
            return
        with self._connection.connection.transaction():
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [_LOCK_TIMEOUT])
            yield

    def _lead(self) -> bool:
        """Acquires a lock that no other process knows, and writes the row unless another process leads."""
        self._key = secrets.randbits(63)
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [self._key])
            params = {"name": self._name, "key": self._key}
            sql.execute(cursor, sql.read("projections", "queries/leader_lock/lead"), params)
            return cursor.fetchone() is not None

    def _unlock(self) -> None:
        self._key = None
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")

    def _check_that_the_connection_is_its_own(self) -> None:
        """Raises `ConnectionIsPooled` if a new connection gets the database connection of this one. Else sets it up."""
        token = secrets.token_hex(8)
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config(%s, %s, false)", [_TOKEN, token])
        other = self._connection.copy()
        try:
            with other.cursor() as cursor:
                cursor.execute("SELECT current_setting(%s, true)", [_TOKEN])
                if cursor.fetchone()[0] == token:
                    raise ConnectionIsPooled
        finally:
            other.close()
        with self._connection.cursor() as cursor:
            for setting, value in _CONNECTION_SETTINGS.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
