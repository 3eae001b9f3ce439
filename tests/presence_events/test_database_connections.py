"""Database connections of threads that serve no request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections, transaction

from presence_events.database_connections import (
    close_old,
    drop_all,
    drop_broken,
    drop_open_transactions,
    make_ready,
    release,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_connection() -> Iterator[None]:
    """The next test gets another connection, whatever this one did to its own."""
    yield
    drop_all()


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


def break_connection() -> None:
    """Ends the server process of the connection, which has not noticed it yet."""
    pid = backend()
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    finally:
        other.close()


def begin() -> None:
    connection.cursor().execute("BEGIN")


def fail_in_a_transaction() -> None:
    with pytest.raises(Exception, match="division by zero"):
        connection.cursor().execute("BEGIN; SELECT 1 / 0")


OPEN_TRANSACTIONS = pytest.mark.parametrize(
    "open_transaction",
    [
        begin,
        fail_in_a_transaction,
        lambda: transaction.set_autocommit(False),
        lambda: transaction.atomic().__enter__(),
    ],
    ids=["BEGIN", "failed", "no autocommit", "atomic"],
)


def test_make_ready_keeps_a_connection_that_is_young_enough() -> None:
    pid = backend()
    make_ready("default")
    assert backend() == pid


def test_make_ready_closes_a_connection_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    pid = backend()
    connection.close_at = time.monotonic() - 1
    make_ready("default")
    assert backend() != pid


def test_make_ready_turns_autocommit_on() -> None:
    transaction.set_autocommit(False)
    make_ready("default")
    assert connection.get_autocommit()


def test_release_closes_the_connection() -> None:
    backend()
    release("default")
    assert connection.connection is None


def test_release_of_obsolete_connections_keeps_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    connection.close()
    pid = backend()
    release("default", obsolete=True)
    assert backend() == pid
    connection.close_at = time.monotonic() - 1
    release("default", obsolete=True)
    assert connection.connection is None


def test_old_connections_are_closed_except_inside_atomic() -> None:
    with transaction.atomic():
        backend()
        connection.close_at = time.monotonic() - 1
        close_old()
        assert connection.connection is not None
    close_old()
    assert connection.connection is None


@OPEN_TRANSACTIONS
def test_any_connection_can_be_dropped_and_the_next_query_opens_another(open_transaction: Callable[[], Any]) -> None:
    pid = backend()
    open_transaction()
    drop_all()
    assert backend() != pid
    assert connection.get_autocommit()
    assert not connection.in_atomic_block


def test_a_connection_that_is_idle_is_not_dropped() -> None:
    pid = backend()
    drop_broken()
    assert drop_open_transactions() == []
    assert backend() == pid


def test_a_broken_connection_is_dropped_once_it_has_raised_an_error() -> None:
    break_connection()
    drop_broken()
    with pytest.raises(Exception, match=r"terminating connection|closed"):
        backend()
    drop_broken()
    assert backend()


@OPEN_TRANSACTIONS
def test_an_open_transaction_is_dropped_and_its_alias_returned(open_transaction: Callable[[], Any]) -> None:
    backend()
    open_transaction()
    assert drop_open_transactions() == ["default"]
    assert drop_open_transactions() == []


@OPEN_TRANSACTIONS
def test_an_open_transaction_counts_as_broken(open_transaction: Callable[[], Any]) -> None:
    pid = backend()
    open_transaction()
    drop_broken()
    assert backend() != pid


def test_without_autocommit_in_the_settings_an_open_transaction_is_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
    connection.close()
    pid = backend()
    assert not connection.get_autocommit()
    drop_broken()
    assert drop_open_transactions() == []
    assert backend() == pid


def test_a_connection_that_was_never_opened_is_left_alone() -> None:
    connection.close()
    drop_broken()
    assert drop_open_transactions() == []
    assert connection.connection is None


def test_connections_of_other_threads_are_not_touched() -> None:
    pid = backend()
    thread = threading.Thread(target=drop_all)
    thread.start()
    thread.join()
    assert backend() == pid
