"""Tables that refer to rooms and presences, as the models of other apps do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def execute(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@contextmanager
def referring(definition: str) -> Iterator[None]:
    """Creates the table ``reference`` with these columns, and drops it at the end."""
    execute(f"CREATE TABLE reference ({definition})")
    try:
        yield
    finally:
        execute("DROP TABLE reference")


TO_ROOM = "room text REFERENCES presence_room DEFERRABLE INITIALLY DEFERRED"
TO_PRESENCE = "presence bigint REFERENCES presence_open_stay DEFERRABLE INITIALLY DEFERRED"


def refer_to_room(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO reference (room) VALUES (%s)", [name])


def refer_to_presence(number: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO reference (presence) VALUES (%s)", [number])
