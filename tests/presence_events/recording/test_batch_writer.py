"""Batches are written as one statement, and halved when a write fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, connection, connections

from presence_events._recording import batch_writer
from presence_events._recording.batch_writer import write_batch
from presence_events._recording.drafts import Draft, select
from presence_events._recording.write_queue import PendingWrite
from presence_events.models import PresenceEvent
from presence_events.recorder import record
from projections import selections
from tests.concurrency.conftest import DatabaseConnection, new_connection

__all__ = ["new_connection"]

pytestmark = pytest.mark.django_db(transaction=True)


class NoResult:
    """Stands in for the future of a caller. `write_batch` does not resolve it."""


def write(*drafts: Draft, quiet: bool = False) -> PendingWrite:
    selection = select(drafts)
    assert selection is not None
    return PendingWrite(selection, quiet, 0.0, NoResult())  # type: ignore[arg-type]


def join(channel: str, room: str = "room") -> PendingWrite:
    return write(Draft("join", room, channel))


def channels(pending: PendingWrite) -> list[str]:
    return [row.channel_name for row in pending.rows]


def test_each_write_gets_the_rows_of_its_own_connections(django_assert_num_queries: Any) -> None:
    first, second = write(Draft("join", "a", "x"), Draft("join", "b", "x")), write(Draft("join", "a", "y"))
    nothing = write(Draft("leave", "a", "z"))
    with django_assert_num_queries(1):
        assert write_batch("default", [first, second, nothing]) is None
    assert (channels(first), channels(second), channels(nothing)) == (["x", "x"], ["y"], [])
    assert all(each.is_done and each.error is None for each in (first, second, nothing))


def test_a_stay_that_ends_for_an_exclusive_join_belongs_to_that_write(user: Any) -> None:
    """Also if another write of the batch concerns the connection that it ends."""
    record([Draft("join", "room", "old", user)])
    touch = write(Draft("touch", "room", "old"), quiet=True)
    newest = PendingWrite(
        selections.join("room", "new", user, None, exclusive="newest"),
        False,
        0.0,
        NoResult(),  # type: ignore[arg-type]
    )
    assert write_batch("default", [touch, newest]) is None
    assert set(channels(touch)) <= {"old"}
    assert channels(newest) == ["old", "new"]


def test_a_batch_claims_its_joins_for_the_process() -> None:
    write_batch("default", [join("a"), join("b")], "one")
    assert list(PresenceEvent.objects.values_list("process", flat=True)) == ["one", "one"]


def test_a_batch_of_quiet_writes_returns_names_only() -> None:
    record([Draft("join", "room", "a")])
    quiet = write(Draft("touch", "room", "a"), quiet=True)
    write_batch("default", [quiet])
    assert quiet.rows == [("room", "a")]


def test_a_write_that_the_database_refuses_fails_alone() -> None:
    batch = [join(str(number)) for number in range(5)]
    (row,) = batch[3].selection.rows
    batch[3].selection = batch[3].selection._replace(rows=[("jump", *row[1:])])
    assert write_batch("default", batch) is None
    assert all(each.is_done for each in batch)
    assert isinstance(batch[3].error, DatabaseError)
    assert [each.error for each in batch if each is not batch[3]] == [None] * 4
    assert PresenceEvent.objects.count() == 4


def test_only_the_write_that_waits_for_a_lock_is_not_done(
    new_connection: Callable[..., DatabaseConnection],
) -> None:
    record([Draft("join", "room", "busy")])
    other = new_connection()
    other.append("touch", channel="busy")
    batch = [join("a"), write(Draft("touch", "room", "busy")), join("b")]
    assert write_batch("default", batch, None, 0.02) is None
    assert [each.is_done for each in batch] == [True, False, True]
    assert "lock timeout" in str(batch[1].error)
    other.commit()
    assert write_batch("default", [batch[1]]) is None
    assert (batch[1].is_done, batch[1].error) == (True, None)


def test_the_error_of_an_unavailable_database_is_returned_and_no_write_is_done() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    finally:
        other.close()
    batch = [join("a"), join("b")]
    error = write_batch("default", batch)
    assert isinstance(error, OperationalError)
    assert error.__traceback__ is None
    assert not any(each.is_done for each in batch)
    assert connection.connection is None


def test_a_read_only_database_counts_as_unavailable() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
    (pending,) = batch = [join("a")]
    error = write_batch("default", batch)
    assert "read-only" in str(error)
    assert not pending.is_done
    assert write_batch("default", batch) is None
    assert pending.is_done


def test_the_lock_timeout_is_halved_but_never_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[float] = []

    def refuse(alias: str, batch: Any, process: Any, lock_timeout: float) -> Exception:
        timeouts.append(lock_timeout)
        return LookupError("refused")

    monkeypatch.setattr(batch_writer, "_try_write", refuse)
    batch = [join(str(number)) for number in range(4)]
    write_batch("default", batch, None, 0.0015)
    assert timeouts == [0.0015, 0.001, 0.001, 0.001, 0.001, 0.001, 0.001]
    assert all(isinstance(each.error, LookupError) and each.is_done for each in batch)
