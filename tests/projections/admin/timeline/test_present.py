from __future__ import annotations

from typing import Any

import pytest

from presence_events.models import Segment
from projections.admin.timeline import present as module
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.present import present_at
from tests.backdating import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("past")]


def test_people_are_listed_once_with_all_their_connections(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        present = present_at(Criteria("lobby", None, at(8), at(13)), at(9, 50))
    assert [(entry.person.name, [stay.channel_name for stay in entry.stays]) for entry in present.listed] == [
        ("ada", ["tab", "phone"]),
        ("grace", ["desk"]),
    ]
    assert (present.complete, present.connections, present.people) == (True, 3, 2)


def test_anonymous_connections_are_listed_one_by_one() -> None:
    write(Stay("lobby", "second guest", None, at(9, 5), at(9, 30)))
    present = present_at(Criteria("lobby", None, at(8), at(13)), at(9, 15))
    assert [entry.person.key for entry in present.listed if entry.person.kind == "anonymous"] == [
        "second guest",
        "guest",
    ]
    assert (present.connections, present.people) == (3, 1)


def test_a_stay_is_half_open() -> None:
    criteria = Criteria("lobby", None, at(8), at(13))
    assert "tab" in [stay.channel_name for entry in present_at(criteria, at(9)).listed for stay in entry.stays]
    assert "tab" not in [stay.channel_name for entry in present_at(criteria, at(10)).listed for stay in entry.stays]


def test_a_user_is_listed_in_each_room(user: Any) -> None:
    present = present_at(Criteria(None, user.pk, at(8), at(13)), at(10, 10))
    assert [(entry.person.name, entry.stays[0].room) for entry in present.listed] == [
        ("ada", "lobby"),
        ("ada", "attic"),
    ]
    assert (present.connections, present.people) == (2, 1)


def test_the_list_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTED_CONNECTIONS", 1)
    present = present_at(Criteria("lobby", None, at(8), at(13)), at(9, 50))
    assert len(present.listed) == 1
    # The counts include those that are not listed.
    assert (present.complete, present.connections, present.people) == (False, 3, 2)


def test_before_the_horizon_the_counts_are_those_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTED_CONNECTIONS", 1)
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=at(10))
    present = present_at(Criteria("lobby", None, at(8), at(13)), at(9, 50))
    removed.delete()
    assert (present.complete, present.connections, len(present.listed)) == (False, 3, 1)
