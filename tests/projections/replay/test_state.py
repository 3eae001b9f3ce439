"""The state after an earlier position and at an earlier moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError

from presence_events.exceptions import InvalidMoment, InvalidPosition
from presence_events.models import PresenceEvent
from projections.models import Room
from projections.replay import state as state_module
from projections.replay.state import state
from tests.concurrency.conftest import DatabaseConnection
from tests.projections.replay.histories import expected_rows, record_history, rows_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("short_ranges")]


def test_the_state_after_every_position_and_at_every_moment_is_the_fold_of_the_events_until_then(user: Any) -> None:
    record_history(user)
    events = list(PresenceEvent.objects.order_by("id"))
    for position in [0, *(event.id for event in events)]:
        until = [event for event in events if event.id <= position]
        with state("default", position=position) as folded:
            assert rows_of(folded) == expected_rows(until)
        if until:
            with state("default", moment=until[-1].at) as folded:
                assert rows_of(folded) == expected_rows([event for event in events if event.at <= until[-1].at])
    with state("default", position=events[5].id, room="a") as folded:
        assert rows_of(folded) == expected_rows([event for event in events[:6] if event.room in ("a", "")])
    with state("default", moment=events[0].at - timedelta(microseconds=1)) as folded:
        assert rows_of(folded) == []


def test_a_position_past_the_end_and_a_moment_in_the_future_are_refused(user: Any) -> None:
    record_history(user)
    last = PresenceEvent.objects.latest("id").id
    for position in (-1, last + 1):
        with pytest.raises(InvalidPosition, match=f"the log ends at {last}"), state("default", position=position):
            pass
    with pytest.raises(InvalidMoment, match="future"), state("default", moment=datetime.now(UTC) + timedelta(hours=1)):
        pass


def test_a_state_waits_for_open_transactions_that_have_appended(
    a: DatabaseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "1")
    a.append("join")
    Room.objects.add("room", "2")
    pid = a.connection.info.backend_pid
    settled_position = state_module.settled_position
    monkeypatch.setattr(state_module, "settled_position", lambda using: settled_position(using, timeout=0.05))
    with pytest.raises(OperationalError, match=f"stays open: pid {pid}"), state("default"):
        pass
    a.commit()
    with state("default") as folded:
        assert len(rows_of(folded)) == 3
