"""What one worker does for all, when it is due."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from presence_events.models import PresenceEvent, Process
from presence_events.process_registry import CHECKS_UNTIL_DEAD
from projections._worker import maintenance
from projections._worker.maintenance import Maintenance
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.process_registry.KEEP_ALIVE_INTERVAL", 0)


def test_servers_are_watched() -> None:
    Process.objects.create(name="host:1:abc", started_at=timezone.now(), seen_at=timezone.now())
    house = Maintenance("default", prune=False)
    for _ in range(CHECKS_UNTIL_DEAD + 1):
        assert Process.objects.exists()
        house.run_due_jobs()
    assert not Process.objects.exists()


def test_nobody_is_pruned_unless_that_is_asked_for(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("room", "channel")
    Maintenance("default", prune=False).run_due_jobs()
    assert Presence.objects.exists()
    Maintenance("default", prune=True).run_due_jobs()
    assert not Presence.objects.exists()
    assert not Room.objects.exists()


def test_what_was_done_is_not_due_again_at_once(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    house = Maintenance("default", prune=True)
    house.run_due_jobs()
    Room.objects.add("room", "channel")
    house.run_due_jobs()
    assert not PresenceEvent.objects.filter(kind="prune").exists()


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (30, 5), (3600, 10)])
def test_pruning_is_as_often_as_the_maximal_age_asks_for(age: int, seconds: float, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = age
    assert maintenance.often() == seconds
