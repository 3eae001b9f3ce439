"""Scheduling a report checks everything before it writes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from presence_events.exceptions import InvalidMoment, InvalidRoomName, InvalidTitle, InvalidUser
from projections.final_reports.scheduling import schedule_report
from projections.models import Room, ScheduledReport
from tests.projections.final_reports.conftest import AN_HOUR, NINE

pytestmark = pytest.mark.django_db


def test_a_schedule_has_the_keys_of_the_expected_people(user: Any, other_user: Any, django_user_model: Any) -> None:
    forms = [[user, other_user.pk, user], lambda room: [user, other_user] if room == "planning" else [],
             django_user_model.objects.order_by("date_joined")]  # fmt: skip
    for expected in forms:
        found = schedule_report("planning", "  Weekly ", NINE, NINE + AN_HOUR, expected=expected)
        found.refresh_from_db()
        assert (found.room, found.title, found.starts_at, found.announced_at) == ("planning", "Weekly", NINE, None)
        assert sorted(found.expected) == sorted([str(user.pk), str(other_user.pk)])
        assert str(found) == "Weekly"


def test_a_room_may_be_given_as_such_and_without_expected_people() -> None:
    found = schedule_report(Room.named("planning"), "Weekly", NINE, NINE + AN_HOUR)
    assert (found.room, found.expected) == ("planning", None)
    assert schedule_report("planning", "Weekly", NINE, NINE + AN_HOUR, expected=[]).expected == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"room": ""}, InvalidRoomName),
        ({"title": "  "}, InvalidTitle),
        ({"title": "x" * 201}, InvalidTitle),
        ({"title": "a\x00b"}, InvalidTitle),
        ({"title": None}, InvalidTitle),
        ({"start": datetime(2024, 3, 4, 9)}, InvalidMoment),
        ({"end": NINE}, InvalidMoment),
        ({"expected": [None]}, InvalidUser),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(changes: dict[str, Any], error: type) -> None:
    arguments: dict[str, Any] = {"room": "planning", "title": "Weekly", "start": NINE, "end": NINE + AN_HOUR}
    with pytest.raises(error):
        schedule_report(**{**arguments, **changes})
    assert not ScheduledReport.objects.exists()
