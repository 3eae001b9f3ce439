from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from projections.admin.timeline import drawing as module
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.drawing import SAID, SAMPLES, drawing
from projections.admin.timeline.lanes import Lane
from projections.models import PresenceSession
from tests.past import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = pytest.mark.django_db


def test_a_room_has_a_lane_a_person_and_one_for_each_anonymous_connection(
    past: dict[str, PresenceSession], user: Any, other_user: Any
) -> None:
    write(Stay("lobby", "another guest", None, at(9, 50), at(9, 51)))
    drawn = drawing(Criteria("lobby", None, at(8), at(13)))
    assert drawn.complete
    assert drawn.lanes == [
        Lane("user", user.pk, "ada"),
        Lane("anonymous", "guest", "anonymous"),
        Lane("user", other_user.pk, "grace"),
        Lane("anonymous", "another guest", "anonymous"),
    ]
    assert [(stay.channel_name, stay.lane) for stay in drawn.stays] == [
        ("tab", 0),
        ("guest", 1),
        ("phone", 0),
        ("desk", 2),
        ("another guest", 3),
    ]


def test_a_stay_is_drawn_with_how_it_ended(past: dict[str, PresenceSession]) -> None:
    phone = past["phone in lobby"]
    drawn = drawing(Criteria("lobby", None, at(8), at(13)))
    assert (
        phone.session,
        0,
        "phone",
        at(9, 30),
        at(11),
        at(10, 59),
        "prune",
        "lobby",
        '{"why": "silent"}',
    ) in drawn.stays


@pytest.mark.usefixtures("past")
def test_a_user_has_a_lane_a_room(user: Any, other_user: Any) -> None:
    drawn = drawing(Criteria(None, user.pk, at(8), at(13)))
    assert drawn.lanes == [Lane("room", "lobby", "lobby"), Lane("room", "attic", "attic")]
    assert [(stay.room, stay.lane) for stay in drawn.stays] == [("lobby", 0), ("lobby", 0), ("attic", 1)]
    (desk,) = drawing(Criteria("attic", other_user.pk, at(8), at(13))).stays
    assert (desk.left_at, desk.ended_by) == (None, None)


@pytest.mark.usefixtures("past")
def test_only_what_lies_in_the_span_is_drawn() -> None:
    assert [stay.channel_name for stay in drawing(Criteria("lobby", None, at(9, 20), at(9, 30))).stays] == ["tab"]


def test_who_was_deleted_keeps_a_lane(past: dict[str, PresenceSession], user: Any) -> None:
    key = user.pk
    user.delete()
    lanes = drawing(Criteria("lobby", None, at(8), at(13))).lanes
    assert lanes[0] == Lane("deleted", key, f"deleted user {key}")


@pytest.mark.usefixtures("past")
def test_the_number_of_queries_does_not_depend_on_the_number_of_stays(django_assert_num_queries: Any) -> None:
    for room in ("lobby", "attic"):
        with django_assert_num_queries(2):
            drawing(Criteria(room, None, at(8), at(13)))


@pytest.mark.usefixtures("past")
def test_of_more_stays_than_can_be_drawn_it_is_counted_how_many_were_there(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any, user: Any
) -> None:
    monkeypatch.setattr(module, "DRAWN", 2)
    with django_assert_num_queries(2):
        drawn = drawing(Criteria("lobby", None, at(8), at(13)))
    assert (drawn.complete, drawn.lanes, drawn.stays) == (False, [], [])
    assert len(drawn.samples) == SAMPLES
    assert (drawn.samples[0].at, drawn.samples[-1].at) == (at(8), at(13))
    for sample in drawn.samples:
        there = list(PresenceSession.objects.in_room("lobby").at(sample.at))
        people = {stay.user_id for stay in there} - {None}
        assert (sample.connections, sample.people) == (len(there), len(people))
    assert max(sample.connections for sample in drawn.samples) == 3
    of_user = drawing(Criteria(None, user.pk, at(8), at(13))).samples
    assert {(sample.connections, sample.people) for sample in of_user} == {(0, 0), (1, 1), (2, 1)}


def test_what_is_to_come_is_not_counted(monkeypatch: pytest.MonkeyPatch, past: dict[str, PresenceSession]) -> None:
    monkeypatch.setattr(module, "DRAWN", 0)
    question = Criteria("attic", None, at(11), at(11) + timedelta(days=3650))
    assert drawing(question).samples[-1].at <= question.known_end


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (None, None),
        ("x" * SAID, "x" * SAID),
        ("x" * (SAID + 1), "x" * (SAID - 1) + "…"),
        ({"who": "Zoë"}, '{"who": "Zoë"}'),
        (["x" * 300], '["' + "x" * (SAID - 3) + "…"),
    ],
)
def test_reasons_come_shortened(reason: Any, said: str | None) -> None:
    write(Stay("lobby", "tab", None, at(9), at(10), reason=reason))
    (stay,) = drawing(Criteria("lobby", None, at(8), at(13))).stays
    assert stay.reason == said
