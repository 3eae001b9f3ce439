"""What one worker does for all, when it is due."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from presence_events.models import PresenceEvent, Process
from presence_events.processes import LOOKS
from projections import housekeeping
from projections.housekeeping import Housekeeping
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.processes.EVERY", 0)


def test_servers_are_watched() -> None:
    Process.objects.create(name="host:1:abc", started_at=timezone.now(), seen_at=timezone.now())
    house = Housekeeping("default", prune=False)
    for _ in range(LOOKS + 1):
        assert Process.objects.exists()
        house.do_what_is_due()
    assert not Process.objects.exists()


def test_nobody_is_pruned_unless_that_is_asked_for(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("room", "channel")
    Housekeeping("default", prune=False).do_what_is_due()
    assert Presence.objects.exists()
    Housekeeping("default", prune=True).do_what_is_due()
    assert not Presence.objects.exists()
    assert not Room.objects.exists()


def test_what_was_done_is_not_due_again_at_once(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    house = Housekeeping("default", prune=True)
    house.do_what_is_due()
    Room.objects.add("room", "channel")
    house.do_what_is_due()
    assert not PresenceEvent.objects.filter(kind="prune").exists()


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (30, 5), (3600, 10)])
def test_pruning_is_as_often_as_the_maximal_age_asks_for(age: int, seconds: float, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = age
    assert housekeeping.often() == seconds
