"""The ranges of positions that one query reads."""

from __future__ import annotations

import pytest

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay.ranges import last_position, position_before_first, ranges


@pytest.mark.usefixtures("short_ranges")
def test_ranges_follow_each_other_and_each_is_reported_after_it_was_read() -> None:
    reports: list[tuple[str, int, int]] = []
    found = ranges("touches", 10, 17, lambda *arguments: reports.append(arguments))
    assert next(found) == {"after": 10, "up_to": 13}
    assert reports == []
    assert list(found) == [{"after": 13, "up_to": 16}, {"after": 16, "up_to": 17}]
    assert reports == [("touches", 3, 7), ("touches", 6, 7), ("touches", 7, 7)]


def test_an_empty_part_of_the_log_has_no_range() -> None:
    assert list(ranges("touches", 10, 10, None)) == []
    assert list(ranges("touches", 11, 10, None)) == []


@pytest.mark.django_db(transaction=True)
def test_the_log_begins_with_its_first_event_and_that_of_a_room_with_its_first_join() -> None:
    assert last_position("default") == 0
    assert position_before_first("default", None, 7) == 7
    for room in ("a", "b"):
        Room.objects.add(room, "1")
    Presence.objects.touch("1", "here")
    first, second, *_, last = PresenceEvent.objects.values_list("id", flat=True)
    assert position_before_first("default", None, last) == first - 1
    assert position_before_first("default", "b", last) == second - 1
    assert position_before_first("default", "nowhere", last) == last
    assert last_position("default") == last
