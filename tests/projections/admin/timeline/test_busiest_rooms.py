from __future__ import annotations

from typing import Any

import pytest

from projections.admin.timeline import busiest_rooms as module
from projections.admin.timeline.busiest_rooms import busiest_rooms
from projections.models import Room

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def present(user: Any) -> None:
    for room, channel, who in [
        ("b", "1", user),
        ("b", "2", user),
        ("b", "3", None),
        ("c", "1", user),
        ("a", "4", None),
    ]:
        Room.objects.add(room, channel, who)
    Room.objects.remove("a", "4")


def test_rooms_with_most_connections_come_first_and_empty_ones_last(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert busiest_rooms() == [("b", 3, 1), ("c", 1, 1), ("a", 0, 0)]


def test_the_number_of_offered_rooms_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ROOMS", 2)
    assert [room.room for room in busiest_rooms()] == ["b", "c"]
