from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from presence_events.models import Segment
from projections.admin.timeline import drawing as module
from projections.admin.timeline.criteria import Criteria
from projections.admin.timeline.drawing import MAX_REASON_CHARS, SAMPLE_COUNT, build_drawing
from projections.admin.timeline.lanes import Lane
from projections.models import PresenceSession
from tests.backdating import Stay, write
from tests.projections.admin.timeline.conftest import at

pytestmark = pytest.mark.django_db


def test_a_room_has_one_lane_for_each_person_and_each_anonymous_connection(
    past: dict[str, PresenceSession], user: Any, other_user: Any
) -> None:
    write(Stay("lobby", "another guest", None, at(9, 50), at(9, 51)))
    drawn = build_drawing(Criteria("lobby", None, at(8), at(13)))
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


def test_a_drawn_stay_has_its_end(past: dict[str, PresenceSession]) -> None:
    phone = past["phone in lobby"]
    drawn = build_drawing(Criteria("lobby", None, at(8), at(13)))
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
def test_a_user_has_one_lane_for_each_room(user: Any, other_user: Any) -> None:
    drawn = build_drawing(Criteria(None, user.pk, at(8), at(13)))
    assert drawn.lanes == [Lane("room", "lobby", "lobby"), Lane("room", "attic", "attic")]
    assert [(stay.room, stay.lane) for stay in drawn.stays] == [("lobby", 0), ("lobby", 0), ("attic", 1)]
    (desk,) = build_drawing(Criteria("attic", other_user.pk, at(8), at(13))).stays
    assert (desk.left_at, desk.ended_by) == (None, None)


@pytest.mark.usefixtures("past")
def test_only_stays_in_the_span_are_drawn() -> None:
    assert [stay.channel_name for stay in build_drawing(Criteria("lobby", None, at(9, 20), at(9, 30))).stays] == ["tab"]


def test_a_deleted_user_keeps_a_lane(past: dict[str, PresenceSession], user: Any) -> None:
    key = user.pk
    user.delete()
    lanes = build_drawing(Criteria("lobby", None, at(8), at(13))).lanes
    assert lanes[0] == Lane("deleted", key, f"deleted user {key}")


@pytest.mark.usefixtures("past")
def test_the_number_of_queries_does_not_depend_on_the_number_of_stays(django_assert_num_queries: Any) -> None:
    for room in ("lobby", "attic"):
        with django_assert_num_queries(3):
            build_drawing(Criteria(room, None, at(8), at(13)))


@pytest.mark.usefixtures("past")
def test_too_many_stays_are_counted_at_sampled_moments(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any, user: Any
) -> None:
    monkeypatch.setattr(module, "MAX_DRAWN_STAYS", 2)
    with django_assert_num_queries(4):
        drawn = build_drawing(Criteria("lobby", None, at(8), at(13)))
    assert (drawn.complete, drawn.lanes, drawn.stays) == (False, [], [])
    assert len(drawn.samples) == SAMPLE_COUNT
    assert (drawn.samples[0].at, drawn.samples[-1].at) == (at(8), at(13))
    for sample in drawn.samples:
        there = list(PresenceSession.objects.in_room("lobby").at(sample.at))
        people = {stay.user_id for stay in there} - {None}
        assert (sample.connections, sample.people) == (len(there), len(people))
    assert max(sample.connections for sample in drawn.samples) == 3
    of_user = build_drawing(Criteria(None, user.pk, at(8), at(13))).samples
    assert {(sample.connections, sample.people) for sample in of_user} == {(0, 0), (1, 1), (2, 1)}


def test_nothing_is_sampled_before_the_horizon(
    monkeypatch: pytest.MonkeyPatch, past: dict[str, PresenceSession]
) -> None:
    monkeypatch.setattr(module, "MAX_DRAWN_STAYS", 0)
    removed = Segment.objects.create(name="earlier", part="stays", state="removed", last_at=at(20))
    drawn = build_drawing(Criteria("lobby", None, at(8), at(13)))
    removed.delete()
    assert (drawn.complete, drawn.samples) == (False, [])


def test_the_future_is_not_sampled(monkeypatch: pytest.MonkeyPatch, past: dict[str, PresenceSession]) -> None:
    monkeypatch.setattr(module, "MAX_DRAWN_STAYS", 0)
    criteria = Criteria("attic", None, at(11), at(11) + timedelta(days=3650))
    assert build_drawing(criteria).samples[-1].at <= criteria.known_end


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (None, None),
        ("x" * MAX_REASON_CHARS, "x" * MAX_REASON_CHARS),
        ("x" * (MAX_REASON_CHARS + 1), "x" * (MAX_REASON_CHARS - 1) + "…"),
        ({"who": "Zoë"}, '{"who": "Zoë"}'),
        (["x" * 300], '["' + "x" * (MAX_REASON_CHARS - 3) + "…"),
    ],
)
def test_long_reasons_are_shortened(reason: Any, text: str | None) -> None:
    write(Stay("lobby", "tab", None, at(9), at(10), reason=reason))
    (stay,) = build_drawing(Criteria("lobby", None, at(8), at(13))).stays
    assert stay.reason == text
