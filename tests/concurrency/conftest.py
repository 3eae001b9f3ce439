"""Database connections that wait for each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg
import pytest
from django.db import connection

APPEND = "INSERT INTO presence_event (kind, room, channel_name, session) VALUES (%s, %s, %s, %s) RETURNING id"


class DatabaseConnection:
    """A database connection with a transaction of its own, which can run a statement in the background."""

    def __init__(self, isolation: psycopg.IsolationLevel = psycopg.IsolationLevel.READ_COMMITTED) -> None:
        parameters = connection.get_connection_params()
        wanted = {key: parameters[key] for key in ("dbname", "user", "password", "host", "port") if parameters.get(key)}
        self.connection = psycopg.connect(**wanted)
        self.connection.isolation_level = isolation
        self._background = ThreadPoolExecutor(1)

    def run(self, statement: LiteralString, *parameters: Any) -> list[Any]:
        """Returns the first column of the result of ``statement``."""
        cursor = self.connection.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()] if cursor.description else []

    def append(self, kind: str, room: str = "room", channel: str | None = "channel", session: Any = None) -> list[int]:
        """Appends an event. Returns a list with its position, or an empty list if nothing was recorded."""
        return self.run(APPEND, kind, room, channel, session)

    def start(self, kind: str, room: str = "room", channel: str | None = "channel") -> Future[list[int]]:
        """Appends in the background. Returns when the statement waits for a lock."""
        future = self._background.submit(self.append, kind, room, channel)
        self.wait_until_blocked(future)
        return future

    def background(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._background.submit(call, *arguments)

    def wait_until_blocked(self, future: Future[Any]) -> None:
        deadline = time.monotonic() + 30
        with connection.cursor() as cursor:
            while time.monotonic() < deadline:
                assert not future.done(), f"The statement did not wait: {future.result()}"
                cursor.execute("SELECT pg_blocking_pids(%s) <> '{}'", [self.connection.info.backend_pid])
                if cursor.fetchone() == (True,):
                    return
        raise AssertionError("The statement neither waits for a lock nor finishes.")

    def commit(self) -> None:
        self.connection.commit()

    def rollback(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()
        self._background.shutdown()


@pytest.fixture
def new_connection() -> Iterator[Callable[..., DatabaseConnection]]:
    """Returns a function that opens a database connection. All are closed after the test."""
    opened: list[DatabaseConnection] = []

    def connect(**options: Any) -> DatabaseConnection:
        opened.append(DatabaseConnection(**options))
        return opened[-1]

    yield connect
    for session in opened:
        session.connection.cancel_safe()
        session.close()
