"""Looking up which connections are present."""

from __future__ import annotations

from typing import Any

import pytest

from projections._delivery.absence import absent
from projections.models import Room

pytestmark = pytest.mark.django_db(transaction=True)


def test_pairs_without_a_presence_are_absent() -> None:
    Room.objects.add("room", "here")
    Room.objects.add("hall", "elsewhere")
    pairs = [("room", "here"), ("room", "elsewhere"), ("room", "never"), ("never", "here")]
    assert absent(pairs, "default") == set(pairs[1:])


def test_a_connection_that_has_left_is_absent() -> None:
    Room.objects.add("room", "channel")
    Room.objects.remove("room", "channel")
    assert absent({("room", "channel")}, "default") == {("room", "channel")}


def test_no_pairs_need_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert absent([], "default") == set()
