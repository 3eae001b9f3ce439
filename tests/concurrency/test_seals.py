"""Sealing while others append and seal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection

from presence_events import positions
from presence_events.models import PresenceEvent
from presence_events.seals import reading
from presence_events.seals.sealing import seal
from presence_events.seals.verifying import verify
from projections.models import Room
from tests.concurrency.conftest import DatabaseConnection
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

Connect = Callable[..., DatabaseConnection]


def alone(call: Callable[[], Any]) -> Any:
    """Calls ``call`` in this thread, and closes the database connection of the thread."""
    try:
        return call()
    finally:
        connection.close()


def is_waiting() -> bool:
    """Returns whether a database connection waits for the lock of another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() == (True,)


def test_a_key_that_another_process_makes_at_the_same_time_is_found(new_connection: Connect) -> None:
    """Another process adds the key of a subject, and commits while this one waits to add the same."""
    other = new_connection()
    other.run("INSERT INTO presence_seal_key VALUES ('user:1', 'theirs')")
    found = other.background(alone, lambda: reading.make_keys({"user:1", "user:2"}, using="default"))
    wait_until(is_waiting)
    other.commit()
    keys = found.result()
    assert keys["user:1"] == b"theirs"
    assert len(keys["user:2"]) == 32


def test_an_event_that_commits_late_is_in_the_next_range_that_is_sealed(new_connection: Connect) -> None:
    """A transaction has drawn a position, a later event commits, and only then the transaction does."""
    Room.objects.add("room", "0")
    late = new_connection()
    late.append("join", channel="late")
    Room.objects.add("other", "1")
    with pytest.raises(OperationalError, match="stays open"):
        positions.settled_position("default", timeout=0.02)
    sealing = late.background(alone, lambda: seal("default"))
    late.commit()
    sealing.result()
    seal("default")
    found = verify("default")
    assert (found.findings, found.unsealed, found.events) == ([], 0, PresenceEvent.objects.count())
