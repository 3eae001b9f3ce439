"""Measures how fast signals are sent from the log."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.db import connection

from presence_events.models import Checkpoint
from presence_events.tail import Mark
from projections._worker.log_follower import Follower
from projections.signals import MAIN, presence_changed
from tests.benchmarks import measure
from tests.benchmarks.measure import Sample
from tests.benchmarks.projector.apps import listen


def leave_to_worker() -> None:
    """Makes this process record without sending signals from now on."""
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"


def deliver(pid: int) -> Sample:
    """Delivers everything that is pending, in this process and to a receiver that does nothing."""
    presence_changed.connect(listen)
    worker = Follower(MAIN, using="default")
    delivered = 0
    with measure.Clock(pid) as clock:
        while (count := worker.step()) or worker.is_behind:
            delivered += count
    presence_changed.disconnect(listen)
    return clock.sample(delivered, [clock.seconds])


def wait_for_delivery() -> float:
    """Waits until another process has delivered all present events of the log. Returns the seconds that it took."""
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(id) FROM presence_event")
        (last,) = cursor.fetchone()
    while _delivered() < last:
        time.sleep(0.002)
    return time.perf_counter() - began


def _delivered() -> int:
    stored: Any = Checkpoint.objects.values_list("mark", flat=True).get(name=MAIN)
    return Mark.from_json(stored).decided
