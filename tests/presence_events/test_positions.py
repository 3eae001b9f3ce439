"""Finding a moment in the log."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection, transaction
from django.utils import timezone

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.positions import position_at
from presence_events.recorder import Draft, record


@pytest.mark.django_db(transaction=True)
def test_an_empty_log_has_no_positions() -> None:
    assert position_at(timezone.now(), using="default") == 1


@pytest.mark.django_db(transaction=True)
def test_a_moment_is_found_across_gaps() -> None:
    with connection.cursor() as cursor:
        for number in range(60):
            record([Draft("join", "room", f"channel{number}")])
            if number % 7 == 0:  # a gap, as a rollback leaves one
                cursor.execute(
                    "SELECT setval('presence_event_id_seq', nextval('presence_event_id_seq') + %s)", [number]
                )
    events = list(PresenceEvent.objects.order_by("id"))
    for before, event in pairwise(events):
        found = position_at(event.at, using="default")
        assert before.id < found <= event.id
    assert position_at(events[0].at - timedelta(days=1), using="default") <= events[0].id
    assert position_at(events[-1].at + timedelta(days=1), using="default") > events[-1].id


@pytest.mark.django_db(transaction=True)
def test_a_moment_is_found_by_the_primary_key_alone() -> None:
    record([Draft("join", "room", f"channel{number}") for number in range(200)])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN " + sql.read("presence_events", "position_at"), {"moment": "2026-01-01T00:00:00Z"})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "presence_event_pkey" in plan
