"""For how long people were active."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from presence_events.segments import horizon
from projections.attendance import attendance
from projections.models import Presence, Room
from tests.backdating import Stay, write
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db

ZERO, MINUTE, HOUR = timedelta(), timedelta(minutes=1), timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + HOUR

Change = tuple[datetime, Any]


def change(minutes: int, activity: str | None) -> Change:
    return NINE + minutes * MINUTE, {"activity": activity} if activity else {"status": "busy"}


def active(user: Any, *stays: Stay) -> timedelta | None:
    """Returns for how long ``user`` was active from nine to ten."""
    write(*stays)
    assert_live_is_the_fold()
    attendee = attendance("lobby", NINE, TEN, activity=True).of(user)
    assert attendee is not None
    assert attendee.active is None or ZERO <= attendee.active <= attendee.certain
    return attendee.active


def test_who_reports_nothing_has_no_activity(user: Any) -> None:
    assert active(user, Stay("lobby", "a", user, NINE, TEN, data={"device": "phone"})) is None


def test_it_is_left_out_unless_asked_for(user: Any) -> None:
    write(Stay("lobby", "a", user, NINE, TEN, data={"activity": "active"}))
    assert attendance("lobby", NINE, TEN).people[0].active is None


def test_who_joins_as_active_is_active(user: Any) -> None:
    assert active(user, Stay("lobby", "a", user, NINE, TEN, data={"activity": "active"})) == HOUR


def test_before_the_first_report_of_a_connection_it_was_active(user: Any) -> None:
    """Clients report changes, and begin as active."""
    assert active(user, Stay("lobby", "a", user, NINE, TEN, changes=[change(20, "idle")])) == 20 * MINUTE


def test_times_of_each_activity_are_told_apart(user: Any) -> None:
    changes = [change(10, "idle"), change(15, "active"), change(25, "hidden"), change(55, "active")]
    assert active(user, Stay("lobby", "a", user, NINE, TEN, changes=changes)) == (10 + 10 + 5) * MINUTE


def test_data_without_an_activity_means_active_as_in_rosters(user: Any) -> None:
    changes = [change(10, "idle"), change(40, None), change(50, "hidden"), change(55, "asleep")]
    assert active(user, Stay("lobby", "a", user, NINE, TEN, changes=changes)) == (10 + 10 + 5) * MINUTE


@pytest.mark.parametrize(
    "data", ["activity", ["activity"], 5, {"activity": ["active"]}, {"activity": {"is": "active"}}]
)
def test_data_of_another_form_reports_nothing(data: Any, user: Any) -> None:
    assert active(user, Stay("lobby", "a", user, NINE, TEN, data=data)) is None


def test_a_person_is_active_while_any_tab_is(user: Any) -> None:
    assert (
        active(
            user,
            Stay("lobby", "a", user, NINE, NINE + 40 * MINUTE, changes=[change(10, "hidden"), change(30, "active")]),
            Stay("lobby", "b", user, NINE + 5 * MINUTE, NINE + 20 * MINUTE, data={"activity": "active"}),
            Stay("lobby", "c", user, NINE + 45 * MINUTE, TEN, changes=[change(50, "idle")]),
            Stay("lobby", "d", user, NINE + 6 * MINUTE, NINE + 8 * MINUTE, data={"activity": "active"}),
            Stay("lobby", "silent", user, NINE, TEN),
        )
        == (20 + 10 + 5) * MINUTE
    )


def test_reports_from_before_the_span_count(user: Any, other_user: Any) -> None:
    write(Stay("lobby", "b", other_user, NINE, TEN), Stay("hall", "c", user, NINE, TEN, data={"activity": "active"}))
    changes = [change(-50, "idle"), change(30, "active"), change(70, "idle")]
    assert active(user, Stay("lobby", "a", user, NINE - HOUR, TEN + HOUR, changes=changes)) == 30 * MINUTE


def test_what_was_reported_before_the_horizon_is_not_known(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection may have been idle since. tests/projections/retention/test_horizon.py has a removal."""
    changes = [change(-50, "idle"), change(30, "active"), change(40, "idle")]
    write(Stay("lobby", "a", user, NINE - HOUR, TEN, changes=changes))
    removed = horizon.Horizons(NINE - 10 * MINUTE, None, 0, None)
    monkeypatch.setattr(horizon, "read", lambda using: removed)
    (ada,) = attendance("lobby", NINE, TEN, activity=True).people
    assert ada.active == 10 * MINUTE


def test_time_that_is_not_certain_is_not_active(user: Any) -> None:
    data = {"activity": "active"}
    pruned = Stay("lobby", "a", user, NINE, NINE + 20 * MINUTE, "prune", NINE + 15 * MINUTE, data)
    still_open = Stay("lobby", "b", user, NINE + 30 * MINUTE, last_seen=NINE + 40 * MINUTE, data=data)
    lost_before = Stay("lobby", "c", user, NINE - HOUR, NINE + MINUTE, "prune", NINE - 30 * MINUTE, data)
    assert active(user, pruned, still_open, lost_before) == 25 * MINUTE


def test_activity_of_the_same_time_is_that_of_the_last_event(user: Any) -> None:
    changes = [change(10, "idle"), change(10, "active"), change(10, "hidden")]
    assert active(user, Stay("lobby", "a", user, NINE, TEN, changes=changes)) == 10 * MINUTE


def test_anonymous_connections_have_none() -> None:
    write(Stay("lobby", "a", None, NINE, TEN, data={"activity": "active"}))
    report = attendance("lobby", NINE, TEN, activity=True)
    assert report.anonymous is not None
    assert report.anonymous.active is None


@pytest.mark.django_db(transaction=True)
def test_reports_of_clients_that_are_recorded_count(user: Any) -> None:
    start = datetime.now(UTC) - MINUTE
    Room.objects.add("lobby", "a", user)
    Presence.objects.touch("a", {"activity": "idle"})
    Presence.objects.touch("a", {"activity": "active"})
    Presence.objects.touch("a")
    Room.objects.remove("lobby", "a")
    (ada,) = attendance("lobby", start, start + HOUR, activity=True).people
    assert ada.active is not None
    assert ZERO < ada.active < ada.certain
