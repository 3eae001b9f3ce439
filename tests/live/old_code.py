"""Processes of the last release, which know nothing of newer columns, while the database is migrated under them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from itertools import cycle
from typing import Any, LiteralString, Self

import psycopg

from tests.live.databases import Cluster
from tests.waiting import wait_until

_APPEND: LiteralString = "INSERT INTO presence_event (kind, room, channel_name, user_id, data, session) "
_RETURNING: LiteralString = " RETURNING id, kind, room, channel_name"
_JOIN = _APPEND + "VALUES ('join', %(room)s, %(channel)s, NULL, NULL, NULL)" + _RETURNING
_TOUCH = (
    _APPEND
    + "SELECT 'touch', room, channel_name, NULL, NULL, NULL FROM presence WHERE channel_name = %(channel)s"
    + _RETURNING
)
_LEAVE = (
    _APPEND
    + "SELECT 'leave', room, channel_name, user_id, NULL, id FROM presence WHERE channel_name = %(channel)s"
    + _RETURNING
)

Told = tuple[int, str, str, str]
"""Position, kind, room and connection of an event, as the one who recorded it was told."""


class OldCode:
    """Threads that record and threads that look at the past, each on a connection of its own, until the block is left.

    An error in one of them is raised there.
    """

    def __init__(self, cluster: Cluster, role: str) -> None:
        self.told: list[Told] = []
        self.looks = 0
        self._url = cluster.url().replace("postgres@", f"{role}@")
        self._over = threading.Event()
        self._errors: list[Exception] = []
        work = [*(self._record(number) for number in range(3)), self._look()]
        self._threads = [threading.Thread(target=self._run, args=(each,)) for each in work]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        assert not self._errors, self._errors

    def wait(self) -> None:
        """Waits until those who record and those who look have gone on for a while."""
        told, looks = len(self.told), self.looks
        wait_until(lambda: self._errors or (len(self.told) > told + 200 and self.looks > looks + 20))

    def _run(self, work: Callable[[Any], None]) -> None:
        try:
            with psycopg.connect(self._url, autocommit=True) as connection:
                while not self._over.is_set():
                    work(connection)
        except Exception as error:
            self._errors.append(error)

    def _record(self, number: int) -> Callable[[Any], None]:
        dice = random.Random(number)

        def record(connection: Any) -> None:
            statement = dice.choices((_JOIN, _TOUCH, _LEAVE), (4, 4, 1))[0]
            params = {"room": f"room-{dice.randrange(3)}", "channel": f"old-{number}-{dice.randrange(5)}"}
            self.told += connection.execute(statement, params).fetchall()

        return record

    def _look(self) -> Callable[[Any], None]:
        questions = cycle(
            [
                ["SELECT count(*) FROM presence_at(now())"],
                ["SELECT count(*) FROM presence_session WHERE room = 'room-1'"],
                ["SELECT max(id) FROM presence_event", "SELECT count(*) FROM presence"],
            ]
        )

        def look(connection: Any) -> None:
            with connection.transaction():
                for question in next(questions):
                    connection.execute(question).fetchall()
            self.looks += 1

        return look
