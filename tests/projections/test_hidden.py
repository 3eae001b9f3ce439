"""Hidden connections in the log, the tables, the signals, and what is asked on the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import IntegrityError, connection

from presence_events.exceptions import InvalidData
from presence_events.models import PresenceEvent
from presence_events.privacy.hidden import HIDDEN
from projections._worker.log_follower import Follower
from projections.models import Presence, Room
from projections.signals import presence_changed
from tests.fold import assert_live_is_the_fold
from tests.people import Heard, connected, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _live_is_the_fold() -> Iterator[None]:
    yield
    assert_live_is_the_fold()


def log() -> list[tuple[str, Any]]:
    return list(PresenceEvent.objects.values_list("kind", "data"))


def test_each_event_with_data_says_whether_its_stay_is_hidden(user: Any) -> None:
    Room.objects.add("room", "1", user, {"device": "phone"}, hidden=True)
    Presence.objects.touch("1", {"device": "tablet"})
    Presence.objects.touch("1", {"device": "tablet", HIDDEN: False})  # nothing new
    Presence.objects.touch("1")
    Presence.objects.leave_user(user, "banned")
    assert log() == [
        ("join", {"device": "phone", HIDDEN: True}),
        ("touch", {"device": "tablet", HIDDEN: True}),
        ("touch", None),
        ("touch", None),
        ("leave", {"reason": "banned", HIDDEN: True}),
    ]


@pytest.mark.parametrize(
    ("data", "recorded"),
    [("null", {HIDDEN: True}), ('"text"', {"reason": "text", HIDDEN: True}), ("{}", {HIDDEN: True})],
)
def test_every_end_says_it_whatever_its_data_is(data: str, recorded: Any) -> None:
    Room.objects.add("room", "1", hidden=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('prune', 'room', '1', %s)", [data]
        )
    assert log()[-1] == ("prune", recorded)


def test_no_touch_and_no_end_hides_a_stay_that_is_shown(user: Any) -> None:
    Room.objects.add("room", "1", user)
    Presence.objects.touch("1", {HIDDEN: True, "a": 1})
    Presence.objects.leave_user(user, "left")
    with connection.cursor() as cursor:
        Room.objects.add("room", "2", user)
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('leave', 'room', '2', %s::jsonb)",
            ['{"presence.hidden": true}'],
        )
    assert [data for _, data in log()] == [None, {"a": 1}, {"reason": "left"}, None, {}]


@pytest.mark.parametrize("data", ["text", [1], 7])
def test_data_that_is_no_object_is_refused_and_the_connection_remains_hidden(data: Any) -> None:
    with pytest.raises(InvalidData):
        Room.objects.add("room", "1", data=data, hidden=True)
    Room.objects.add("room", "1", hidden=True)
    with pytest.raises(IntegrityError, match="has to be an object"):
        Presence.objects.touch("1", data)
    assert log() == [("join", {HIDDEN: True})]


@pytest.mark.parametrize("limits", [{}, {"capacity": 1}, {"exclusive": "newest"}], ids=str)
def test_to_be_shown_or_hidden_from_now_on_begins_another_stay(user: Any, limits: Any) -> None:
    sessions = set()
    for hidden in (False, False, True, True, False):
        Room.objects.add("room", "1", user, {"a": 1}, hidden=hidden, **limits)
        presence = Presence.objects.get()
        assert presence.is_hidden == hidden
        sessions.add(presence.pk)
    assert len(sessions) == 3
    assert log() == [
        ("join", {"a": 1}),
        ("leave", {"reason": "joined again to be hidden"}),
        ("join", {"a": 1, HIDDEN: True}),
        ("leave", {"reason": "joined again to be shown", HIDDEN: True}),
        ("join", {"a": 1}),
    ]


def test_what_the_server_asks_for_others_leaves_hidden_connections_out(user: Any, other_user: Any) -> None:
    Room.named("room").add_presence("1", user, hidden=True)
    Room.objects.add("room", "2", other_user)
    room = Room.objects.get()
    assert [member.user for member in room.members()] == [other_user]
    assert Presence.objects.is_online([user, other_user]) == {user: False, other_user: True}
    assert [presence.channel_name for presence in Presence.objects.shown()] == ["2"]
    assert set(room.get_users()) == {user, other_user}
    assert room.counts().people == 2
    Room.objects.add("room", "3", user)  # another tab, which is shown
    assert [(member.user, len(member.connections)) for member in room.members()] == [(other_user, 1), (user, 1)]
    assert Presence.objects.is_online([user]) == {user: True}


def test_a_capacity_counts_hidden_people(user: Any, other_user: Any) -> None:
    from presence_events.exceptions import RoomIsFull

    Room.objects.add("room", "1", user, hidden=True)
    with pytest.raises(RoomIsFull):
        Room.objects.add("room", "2", other_user, capacity=1)


@pytest.fixture
def heard() -> Iterator[Heard]:
    with connected(Heard()) as heard:
        yield heard


@pytest.fixture(params=["inline", "worker"])
def deliver(request: pytest.FixtureRequest, settings: Any) -> Callable[[], None]:
    settings.CHANNELS_PRESENCE_SIGNALS = request.param
    if request.param == "inline":
        return lambda: None
    follower = Follower("projector", using="default")
    return lambda: run(follower)


def test_a_hidden_connection_does_not_arrive_or_leave(heard: Heard, deliver: Callable[[], None], user: Any) -> None:
    Room.objects.add("room", "hidden.1", user, hidden=True)
    Room.objects.add("room", "shown.1", user)
    deliver()
    Room.objects.add("room", "hidden.2", user, hidden=True)
    Room.objects.remove("room", "hidden.1")
    deliver()
    Room.objects.remove("room", "shown.1")
    deliver()
    Room.objects.remove("room", "hidden.2")
    deliver()
    assert heard.names == ["joined shown.1", "left shown.1"]


def test_a_person_who_hides_leaves_and_who_shows_arrives(heard: Heard, deliver: Callable[[], None], user: Any) -> None:
    for hidden in (False, True, False):
        Room.objects.add("room", "tab", user, hidden=hidden)
        deliver()
    assert heard.names == ["joined tab", "left tab", "joined tab"]


def test_receivers_for_connections_learn_that_one_is_hidden(user: Any) -> None:
    found: list[tuple[str, bool]] = []

    def receive(added: Any, removed: Any, **kwargs: Any) -> None:
        found.extend((name, presence.is_hidden) for name, presence in (("+", added), ("-", removed)) if presence)

    presence_changed.connect(receive)
    try:
        Room.objects.add("room", "1", user, hidden=True)
        Room.objects.remove("room", "1")
        Room.objects.add("room", "1", user)
        Room.objects.remove("room", "1")
    finally:
        presence_changed.disconnect(receive)
    assert found == [("+", True), ("-", True), ("+", False), ("-", False)]
