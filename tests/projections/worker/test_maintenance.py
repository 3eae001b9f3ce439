"""The periodic jobs of the leading worker."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from presence_events.models import PresenceEvent
from presence_events.processes.registry import CHECKS_UNTIL_DEAD
from projections._worker import maintenance
from projections._worker.maintenance import Maintenance
from projections.models import Presence, Process, Room
from tests.fold import assert_live_is_the_fold
from tests.leases import beat, join_leased, move_lease, put_on_lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def always_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.processes.registry.CHECK_INTERVAL", 0)


def test_dead_servers_are_detected() -> None:
    beat("host:1:abc")
    jobs = Maintenance("default", prune=False)
    for _ in range(CHECKS_UNTIL_DEAD + 1):
        assert Process.objects.exists()
        jobs.run_due_jobs()
    assert not Process.objects.exists()


def test_it_prunes_only_if_asked_to(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("room", "channel")
    Maintenance("default", prune=False).run_due_jobs()
    assert Presence.objects.exists()
    Maintenance("default", prune=True).run_due_jobs()
    assert not Presence.objects.exists()
    assert not Room.objects.exists()


def test_leases_without_a_beat_for_a_day_end_unless_a_connection_depends_on_them() -> None:
    """No dead-server detection has ended them, for example because no worker ran."""
    join_leased("in-use", "room", "channel")
    beat("in-use", "expired", "recent")
    for name in ("in-use", "expired"):
        move_lease(name, -86_500)
    move_lease("recent", -86_300)
    assert Process.objects.end_expired_leases() == 1
    assert set(Process.objects.values_list("name", flat=True)) == {"in-use", "recent"}
    put_on_lease("recent", ("room", "channel"))
    assert Process.objects.end_expired_leases() == 1
    assert set(Process.objects.values_list("name", flat=True)) == {"recent"}
    assert_live_is_the_fold()


def test_expired_leases_end_in_the_transaction_of_the_caller() -> None:
    beat("expired")
    move_lease("expired", -86_500)
    with transaction.atomic():
        assert Process.objects.end_expired_leases() == 1
        transaction.set_rollback(True)
    assert Process.objects.exists()


def test_a_job_is_not_due_again_at_once(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    jobs = Maintenance("default", prune=True)
    jobs.run_due_jobs()
    Room.objects.add("room", "channel")
    jobs.run_due_jobs()
    assert not PresenceEvent.objects.filter(kind="prune").exists()


@pytest.mark.parametrize(("age", "seconds"), [(0, 1), (30, 5), (3600, 10)])
def test_the_prune_interval_is_a_sixth_of_the_maximal_age_within_bounds(
    age: int, seconds: float, settings: Any
) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = age
    assert maintenance.prune_interval() == seconds
