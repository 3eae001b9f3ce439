from __future__ import annotations

from typing import Any

import pytest

from projections.admin.timeline import busiest_rooms as module
from projections.admin.timeline.busiest_rooms import rooms
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


def test_the_fullest_come_first_and_empty_ones_last(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(2):
        assert rooms() == [("b", 3, 1), ("c", 1, 1), ("a", 0, 0)]


def test_no_more_are_offered_than_can_be_looked_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OFFERED", 2)
    assert [each.room for each in rooms()] == ["b", "c"]
