"""How much of the log is sealed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from presence_events.models import PresenceEvent
from presence_events.seals.extent import Extent, extent
from presence_events.seals.sealing import seal
from projections.models import Room
from tests.seals import attack

pytestmark = pytest.mark.django_db(transaction=True)

A_MICROSECOND = timedelta(microseconds=1)


def append() -> PresenceEvent:
    Room.objects.add("room", str(PresenceEvent.objects.count()))
    event = PresenceEvent.objects.last()
    assert event is not None
    return event


def test_a_log_without_seals_has_no_extent() -> None:
    append()
    assert extent("default") is None


def test_the_extent_ends_with_the_last_sealed_event() -> None:
    append()
    second = append()
    seal("default")
    whole = extent("default")
    assert whole == Extent(second.at, None)
    assert whole.covers(second.at + timedelta(days=1))
    third = append()
    append()
    part = extent("default")
    assert part == Extent(second.at, third.at)
    assert part.covers(third.at - A_MICROSECOND)
    assert not part.covers(third.at)


def test_a_last_sealed_event_that_is_no_longer_in_the_log_is_replaced_by_the_one_before() -> None:
    first = append()
    second = append()
    seal("default")
    attack("DELETE FROM presence_event WHERE id = %s", second.id)
    assert extent("default") == Extent(first.at, None)
    attack("DELETE FROM presence_event")
    assert extent("default") is None
