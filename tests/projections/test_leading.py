"""One leads, and another takes over when it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.db import Error, connection

from projections.leading import Leadership
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def leadership() -> Iterator[Callable[..., Leadership]]:
    made: list[Leadership] = []

    def make(name: str = "projector") -> Leadership:
        made.append(Leadership(name, using="default"))
        return made[-1]

    yield make
    for each in made:
        each.resign()


def test_one_leads_until_it_resigns(leadership: Callable[..., Leadership]) -> None:
    one, other = leadership(), leadership()
    assert one.held()
    assert one.held()
    assert not other.held()
    one.resign()
    wait_until(other.held)  # PostgreSQL ends a session a moment after it was closed
    assert not one.held()


def test_other_names_have_leaders_of_their_own(leadership: Callable[..., Leadership]) -> None:
    assert leadership().held()
    assert leadership("reports").held()


def test_whoever_loses_the_connection_no_longer_leads(leadership: Callable[..., Leadership]) -> None:
    one, other = leadership(), leadership()
    assert one.held()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(Error):
        one.held()
    assert other.held()
    assert not one.held()
