"""The generated log of the benchmarks is one that real events could have produced."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import Count, F
from django.utils import timezone

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.benchmarks import history
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)
EVENTS = 5000


@pytest.fixture(autouse=True)
def _written() -> None:
    history.users(50)
    history.write(EVENTS)


def _log(length: int) -> list[Any]:
    """Returns the first ``length`` events."""
    columns = ("id", "kind", "room", "channel_name", "session", "user__username", "data")
    return list(PresenceEvent.objects.order_by("id").values_list(*columns)[:length])


def test_the_tables_are_what_the_fold_makes_of_the_log() -> None:
    assert_live_is_the_fold()


def test_the_log_has_the_requested_number_of_events_and_ends_now() -> None:
    events = PresenceEvent.objects.order_by("id")
    assert [event.id for event in events] == list(range(1, EVENTS + 1))
    assert (timezone.now() - events[EVENTS - 1].at).total_seconds() < 60


def test_a_short_log_is_the_beginning_of_a_long_one() -> None:
    beginning = _log(1000)
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE presence_event, presence_open_stay, presence_room")
    history.write(1000)
    assert _log(1000) == beginning


def test_the_log_has_rooms_of_all_sizes_tabs_anonymous_stays_prunes_and_data() -> None:
    joins = PresenceEvent.objects.filter(kind="join")
    assert joins.filter(room=history.ROOM).count() == pytest.approx(joins.count() / 3, rel=0.2)
    assert Room.objects.count() > 100
    tabs = Presence.objects.exclude(user=None).values("room", "user").annotate(tabs=Count("id")).filter(tabs__gt=1)
    assert tabs.exists()
    assert joins.filter(user=None).count() == pytest.approx(joins.count() / 10, rel=0.5)
    assert PresenceEvent.objects.filter(kind="prune", last_seen__lt=F("at")).exists()
    assert joins.filter(data__isnull=False).exists()
    assert PresenceEvent.objects.filter(kind="touch", data__isnull=False).exists()


def test_the_next_recorded_event_comes_after_the_generated_ones() -> None:
    Room.objects.add(history.ROOM, "specific.new")
    assert PresenceEvent.objects.latest("id").id == EVENTS + 1
    assert_live_is_the_fold()
