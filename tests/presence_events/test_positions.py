"""Finding the position of a moment, and the settled position."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone

from presence_events import positions, sql
from presence_events.models import PresenceEvent
from presence_events.positions import drawn_position, position_at, settled_position
from presence_events.recorder import Draft, record
from tests.concurrency.conftest import DatabaseConnection, new_connection
from tests.plans import of_log

__all__ = ["new_connection"]


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
        cursor.execute(
            "EXPLAIN "
            + sql.read("presence_events", "queries/positions/position_at").format(
                **{
                    fragment: sql.read("presence_events", f"queries/positions/{name}").format(part="true")
                    for fragment, name in (("probes", "probe"), ("first", "first"), ("last", "last"))
                }
            ),
            {"moment": "2026-01-01T00:00:00Z", "high": None},
        )
        plan = of_log("\n".join(line for (line,) in cursor.fetchall()))
    assert "Seq Scan" not in plan
    assert "presence_event_pkey" in plan


@pytest.mark.django_db(transaction=True)
def test_an_empty_log_is_settled() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER SEQUENCE presence_event_id_seq RESTART")
    assert settled_position("default") == 0


@pytest.mark.django_db(transaction=True)
def test_the_log_is_settled_up_to_what_was_appended_before(
    new_connection: Callable[..., DatabaseConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a transaction that has appended and is open, but not for one that begins later."""
    record([Draft("join", "room", "1")])
    early, late = new_connection(), new_connection()
    (position,) = early.append("join", channel="2")
    record([Draft("join", "room", "3")])
    last = PresenceEvent.objects.latest("id").id

    def during_the_wait(seconds: float) -> None:
        assert late.append("join", channel="4")
        early.commit()

    monkeypatch.setattr(positions.time, "sleep", during_the_wait)
    assert settled_position("default") == last > position


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_stays_open_is_named(new_connection: Callable[..., DatabaseConnection]) -> None:
    early = new_connection()
    early.append("join")
    with pytest.raises(OperationalError, match=f"stays open: pid {early.connection.info.backend_pid}\\."):
        settled_position("default", timeout=0.02)


@pytest.mark.django_db(transaction=True)
def test_the_own_transaction_does_not_count() -> None:
    with transaction.atomic():
        (event,) = record([Draft("join", "room", "1")])
        assert settled_position("default", timeout=0.0) == event.id


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_prepared_in_the_meantime_is_waited_for(
    new_connection: Callable[..., DatabaseConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its locks no longer belong to a server process."""
    early = new_connection()
    early.append("join")
    waits = []

    def during_the_wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            early.run("PREPARE TRANSACTION 'presence'")
        elif len(waits) == 3:
            early.connection.autocommit = True
            early.run("COMMIT PREPARED 'presence'")

    monkeypatch.setattr(positions.time, "sleep", during_the_wait)
    settled_position("default")
    assert len(waits) == 3
    assert PresenceEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_prepared_transaction_that_stays_open_is_named(new_connection: Callable[..., DatabaseConnection]) -> None:
    early = new_connection()
    early.append("join")
    early.run("PREPARE TRANSACTION 'presence'")
    try:
        with pytest.raises(OperationalError, match=r"stays open: a prepared one\."):
            settled_position("default", timeout=0.02)
    finally:
        early.connection.autocommit = True
        early.run("ROLLBACK PREPARED 'presence'")


@pytest.mark.django_db
def test_a_role_without_rights_on_the_sequence_is_told_what_to_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reader")
        cursor.execute("SET LOCAL ROLE reader")
        with pytest.raises(ProgrammingError, match="Run the GRANT files"):
            drawn_position("default")
        cursor.execute("RESET ROLE")
