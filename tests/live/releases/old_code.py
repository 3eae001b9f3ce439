"""Simulates processes of the first release, which do not know newer columns, while the database is migrated."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import cycle
from typing import Any, LiteralString, Self

import psycopg

from tests.live.databases import Cluster
from tests.waiting import wait_until

_APPEND: LiteralString = "INSERT INTO presence_event (kind, room, channel_name, user_id, data, session, process) "
_RETURNING: LiteralString = " RETURNING id, kind, room, channel_name"
_JOIN = _APPEND + "VALUES ('join', %(room)s, %(channel)s, NULL, NULL, NULL, 'old')" + _RETURNING
_TOUCH = (
    _APPEND
    + "SELECT 'touch', room, channel_name, NULL, NULL, NULL, NULL FROM presence WHERE channel_name = %(channel)s"
    + _RETURNING
)
_LEAVE = (
    _APPEND
    + "SELECT 'leave', room, channel_name, user_id, NULL, id, NULL FROM presence WHERE channel_name = %(channel)s"
    + _RETURNING
)

Acknowledged = tuple[int, str, str, str]
"""Position, kind, room and connection of an event, as the database returned them."""


class OldCode:
    """Runs threads with a database connection each during the block: some record, one queries, one does both.

    The one that does both reads presences and then records, in one transaction. It deadlocks with a migration that
    locks the log while it waits for the presences. The end of the block raises an AssertionError if a thread failed.
    """

    def __init__(self, cluster: Cluster, role: str) -> None:
        self.acknowledged: list[Acknowledged] = []
        self.queries = 0
        self._url = cluster.url().replace("postgres@", f"{role}@")
        self._stop = threading.Event()
        self._errors: list[Exception] = []
        actions = [*(self._record(number) for number in range(3)), self._query(), self._read_and_record()]
        self._threads = [threading.Thread(target=self._run, args=(action,)) for action in actions]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._errors, self._errors

    def wait(self) -> None:
        """Waits until the threads have recorded and queried some more."""
        acknowledged, queries = len(self.acknowledged), self.queries
        wait_until(
            lambda: self._errors or (len(self.acknowledged) > acknowledged + 200 and self.queries > queries + 20)
        )

    def _run(self, action: Callable[[Any], None]) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._stop.is_set():
                    action(connection)
        except Exception as error:
            self._errors.append(error)

    def _record(self, number: int) -> Callable[[Any], None]:
        dice = random.Random(number)

        def record(connection: Any) -> None:
            statement = dice.choices((_JOIN, _TOUCH, _LEAVE), (4, 4, 1))[0]
            params = {"room": f"room-{dice.randrange(3)}", "channel": f"old-{number}-{dice.randrange(5)}"}
            self.acknowledged += connection.execute(statement, params).fetchall()

        return record

    def _read_and_record(self) -> Callable[[Any], None]:
        statements = cycle((_JOIN, _LEAVE))

        def read_and_record(connection: Any) -> None:
            with connection.transaction():
                connection.execute("SELECT count(*) FROM presence").fetchall()
                params = {"room": "room-0", "channel": "old-reader"}
                recorded = connection.execute(next(statements), params).fetchall()
            self.acknowledged += recorded

        return read_and_record

    def _query(self) -> Callable[[Any], None]:
        transactions = cycle(
            [
                ["SELECT count(*) FROM presence_at(now())"],
                ["SELECT count(*) FROM presence_session WHERE room = 'room-1'"],
                ["SELECT max(id) FROM presence_event", "SELECT count(*) FROM presence"],
            ]
        )

        def query(connection: Any) -> None:
            with connection.transaction():
                for statement in next(transactions):
                    connection.execute(statement).fetchall()
            self.queries += 1

        return query
