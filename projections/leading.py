"""One at a time: of all who want to follow the log, one leads, and another takes over when it is gone."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.db import Error, connections

from presence_events.exceptions import SessionIsLent

__all__ = ["CHANNEL", "Leadership", "wake"]

logger = logging.getLogger(__name__)

CHANNEL = "presence_event"
"""What is notified, if ``CHANNELS_PRESENCE_NOTIFY`` is set."""

_LISTEN = f"LISTEN {CHANNEL}"
_NOTIFY = f"NOTIFY {CHANNEL}"

_FOR_ONE_SESSION = {
    # A machine that is gone without a word is noticed after about ten seconds, instead of after hours.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
    # It does nothing most of the time, and that is its job.
    "idle_session_timeout": "0",
}


_TOKEN = "presence_events.leader"  # noqa: S105, the name of a setting


class Leadership:
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

    def held(self) -> bool:
        """Whether this process leads, from now on if it did not. Nobody leads whose connection has been lost.

        Raises `SessionIsLent` if the lock would stay behind in a pooler.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
                )
                if cursor.fetchone()[0]:
                    return True
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [self._name])
                if not cursor.fetchone()[0]:
                    return False
                token = secrets.token_hex(8)
                for setting, value in {**_FOR_ONE_SESSION, _TOKEN: token}.items():
                    cursor.execute("SELECT set_config(%s, %s, false)", [setting, value])
            if self._is_lent(token):
                self.resign()
                raise SessionIsLent
            return True
        except Error:
            self.resign()
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
                cursor.execute(_LISTEN)
            self._listens = True
        with self._connection.wrap_database_errors:
            for _ in self._connection.connection.notifies(timeout=seconds, stop_after=1):
                pass

    def resign(self) -> None:
        """Somebody else may lead, at once."""
        self._listens = False
        # PostgreSQL ends a session a moment after it was closed.
        if self._connection.connection is not None and not self._connection.errors_occurred:
            with suppress(Error), self._connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()


def wake(using: str) -> None:
    """Says to whoever leads that there is something new in the log. A failure is logged: it is noticed without that."""
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(_NOTIFY)
    except Error as error:
        logger.warning("Could not wake the worker: %r", error)
