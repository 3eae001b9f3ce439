"""Two transactions that are the first to need the pseudonyms of a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection

from tests.concurrency.conftest import DatabaseConnection

pytestmark = pytest.mark.django_db(transaction=True)

NewConnection = Callable[..., DatabaseConnection]

MAKE = "SELECT presence_pseudonym(7::bigint)"


def change(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(autouse=True)
def _no_secrets() -> Iterator[None]:
    change("DELETE FROM presence_pseudonym_key")
    yield
    change("DELETE FROM presence_pseudonym_key")


def test_both_make_the_same_pseudonyms(new_connection: NewConnection) -> None:
    """The first one has not committed the secret: the second one waits for it, and takes it."""
    first, second = new_connection(), new_connection()
    (made,) = first.run(MAKE)
    future = second.background(second.run, MAKE)
    second.wait_until_blocked(future)
    first.commit()
    assert future.result(30) == [made]
    assert new_connection().run(MAKE) == [made]


def test_a_secret_that_is_rolled_back_has_made_nothing(new_connection: NewConnection) -> None:
    first, second = new_connection(), new_connection()
    first.run(MAKE)
    future = second.background(second.run, MAKE)
    second.wait_until_blocked(future)
    first.rollback()
    (made,) = future.result(30)
    second.commit()
    assert first.run(MAKE) == [made]


def test_at_midnight_no_transaction_waits_for_another(new_connection: NewConnection) -> None:
    """The secret of today was made yesterday. Only one transaction deletes the old one and makes that of tomorrow."""
    change(MAKE)
    change("UPDATE presence_pseudonym_key SET day = day - 10")
    change("UPDATE presence_pseudonym_key SET day = day + 9")
    first, second = new_connection(), new_connection()
    (made,) = first.run(MAKE)
    second.run("SET lock_timeout = 1")
    assert second.run(MAKE) == [made]
    first.commit()


def test_an_old_snapshot_that_does_not_see_the_secret_fails_and_makes_no_other(new_connection: NewConnection) -> None:
    old = new_connection(isolation=psycopg.IsolationLevel.REPEATABLE_READ)
    old.run("SELECT 1")
    (made,) = new_connection_commits(new_connection)
    with pytest.raises(psycopg.errors.SerializationFailure):
        old.run(MAKE)
    old.rollback()
    assert old.run(MAKE) == [made]


def new_connection_commits(new_connection: NewConnection) -> Any:
    other = new_connection()
    made = other.run(MAKE)
    other.commit()
    return made
