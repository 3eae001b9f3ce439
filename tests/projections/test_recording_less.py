"""``CHANNELS_PRESENCE_PRIVACY``: what rooms, presences and signals know if less is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from presence_events import validation
from presence_events.exceptions import AlreadyPresent, InvalidPrivacy, RoomIsFull
from presence_events.models import PresenceEvent
from presence_events.recorder import record_select
from presence_events.users import user_key_type
from projections import selections
from projections.models import Presence, Room
from tests.backdating import Stay, write
from tests.fold import assert_live_is_the_fold
from tests.people import Heard, connected
from tests.projections.live.mixed import CHATS, client_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _live_is_the_fold() -> Iterator[None]:
    yield
    assert_live_is_the_fold()


@pytest.fixture
def daily(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"users": "daily"}}


def pseudonym(user: Any) -> Any:
    """Returns the pseudonym that ``user`` has today, as the database makes it."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT presence_pseudonym(%s::{user_key_type('default')})", [user.pk])
        return cursor.fetchone()[0]


@pytest.mark.usefixtures("daily")
def test_with_pseudonyms_a_person_is_a_person_of_whom_nothing_else_is_known(user: Any, other_user: Any) -> None:
    with connected(Heard()) as heard:
        for channel, who in [("1", user), ("2", user), ("3", other_user), ("4", None)]:
            Room.objects.add("clinic", channel, who)
        Room.objects.add("clinic", "1", user)  # again, which changes nothing
        Room.objects.remove("clinic", "1")
        Room.objects.remove("clinic", "2")
    assert heard.names == ["joined 1", "joined 3", "left 2"]
    assert heard.arguments[0]["presence"].user is None
    room = Room.objects.get()
    assert room.counts() == (2, 1, 1)
    (member,) = room.members()
    assert (member.user, member.user_id) == (None, pseudonym(other_user))
    assert list(room.get_users()) == []
    assert Presence.objects.is_online([user, other_user]) == {user: False, other_user: False}
    known = PresenceEvent.objects.exclude(user_id=None).values_list("user_id", flat=True).distinct()
    assert set(known) == {pseudonym(user), pseudonym(other_user)}
    assert not {user.pk, other_user.pk} & set(known)


@pytest.mark.usefixtures("daily")
def test_limits_of_joins_are_about_people_with_pseudonyms_too(user: Any, other_user: Any) -> None:
    Room.objects.add("clinic", "1", user, capacity=1)
    Room.objects.add("clinic", "1", user, capacity=1)
    Room.objects.add("clinic", "2", user, capacity=1)
    with pytest.raises(RoomIsFull):
        Room.objects.add("clinic", "3", other_user, capacity=1)
    with pytest.raises(AlreadyPresent):
        Room.objects.add("clinic", "3", user, exclusive="oldest")
    Room.objects.add("clinic", "3", user, exclusive="newest")
    assert [presence.channel_name for presence in Presence.objects.all()] == ["3"]
    Room.objects.add("clinic", "3", other_user, capacity=1)
    assert Presence.objects.get().user_id == pseudonym(other_user)


@pytest.mark.usefixtures("daily")
def test_a_user_is_made_to_leave_also_where_a_pseudonym_is_recorded(user: Any, other_user: Any) -> None:
    for room, who in [("clinic", user), ("lobby", user), ("clinic", other_user)]:
        Room.objects.add(room, f"{room}.{who.pk}".replace("-", ""), who)
    assert Presence.objects.leave_user(user, "banned") == 2
    assert Presence.objects.get().user_id == pseudonym(other_user)


@pytest.mark.usefixtures("daily")
@pytest.mark.parametrize("limits", [{}, {"capacity": 5, "exclusive": "oldest"}], ids=str)
def test_a_stay_that_began_before_midnight_keeps_its_pseudonym(user: Any, other_user: Any, limits: Any) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Room.objects.add("elsewhere", "makes-the-secret", user)
    earlier = pseudonym(other_user)  # stands for one that the user had yesterday
    write(Stay("clinic", "1", earlier, yesterday), Stay("clinic", "2", None, yesterday))
    Room.objects.add("clinic", "1", user, **limits)
    assert Presence.objects.get(channel_name="1").user_id == earlier
    Room.objects.remove("clinic", "1")
    Room.objects.add("clinic", "1", user, **limits)
    assert Presence.objects.get(channel_name="1").user_id == pseudonym(user)
    Room.objects.remove("clinic", "1")
    Room.objects.add("clinic", "2", user, **limits)  # was anonymous
    assert Presence.objects.get(channel_name="2").user_id == pseudonym(user)
    Room.objects.add("clinic", "2", None, **limits)
    assert Presence.objects.get(channel_name="2").user_id is None


def test_anonymous_rooms_know_connections_only(settings: Any, user: Any, other_user: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"": {"users": "anonymous", "data": False}}
    Room.objects.add("room", "1", user, {"device": "phone"}, exclusive="oldest")
    Room.objects.add("room", "2", user, {"device": "phone"}, exclusive="oldest")
    Room.objects.add("room", "2", other_user, {"device": "phone"}, capacity=2)
    with pytest.raises(RoomIsFull):
        Room.objects.add("room", "3", user, capacity=2)
    assert Room.objects.get().counts() == (2, 0, 2)
    assert Presence.objects.touch("1", {"device": "tablet"}) == 1
    assert Presence.objects.leave_user(user, "banned") == 0
    assert set(PresenceEvent.objects.values_list("kind", "user_id", "data")) == {
        ("join", None, None),
        ("touch", None, None),
    }


def test_data_is_left_out_where_the_longest_beginning_says_so(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"data": False}, "clinic-staff": {"data": True}}
    for room in ("clinic", "clinic-staff", "lobby"):
        Room.objects.add(room, "1", None, {"n": 1})
    Room.objects.add("clinic-7", "1", None, {"n": 1}, hidden=True)
    assert Presence.objects.touch("1", {"n": 2}) == 4
    assert dict(Presence.objects.values_list("room_id", "data")) == {
        "clinic": None,
        "clinic-staff": {"n": 2},
        "lobby": {"n": 2},
        "clinic-7": {"presence.hidden": True},
    }
    changed = PresenceEvent.objects.filter(kind="touch", data__isnull=False).values_list("room", flat=True)
    assert sorted(changed) == ["clinic-staff", "lobby"]


def test_connections_of_django_channels_presence_are_imported_by_the_same_rules(settings: Any, user: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"clinic": {"users": "daily"}, "quiet": {"users": "anonymous", "data": False}}
    arrivals = [
        selections.arrival(room, "1", validation.user_id(user), {"n": 1}) for room in ("clinic", "quiet", "lobby")
    ]
    record_select(selections.joins(arrivals))
    assert {presence.room_id: (presence.user_id, presence.data) for presence in Presence.objects.all()} == {
        "clinic": (pseudonym(user), {"n": 1}),
        "quiet": (None, None),
        "lobby": (user.pk, {"n": 1}),
    }


@pytest.mark.parametrize("chat", CHATS)
@pytest.mark.usefixtures("daily")
async def test_consumers_record_pseudonyms_and_names_in_one_batch(chat: Any, user: Any) -> None:
    client = await client_of(chat, "clinic", "lobby", user=user, data={"n": 1})
    await client("join_room", "clinic")
    found = {presence.room_id: presence.user_id async for presence in Presence.objects.all()}
    assert found.keys() == {"clinic", "lobby"}
    assert found["lobby"] == user.pk != found["clinic"]
    await client.disconnect()
    assert await PresenceEvent.objects.filter(session__isnull=False).acount() == 4


def test_with_an_invalid_setting_nothing_is_recorded(settings: Any, user: Any) -> None:
    settings.CHANNELS_PRESENCE_PRIVACY = {"": {"users": "none"}}
    for call in (
        lambda: Room.objects.add("room", "1", user),
        lambda: Presence.objects.touch("1", {"n": 1}),
        lambda: Presence.objects.leave_user(user, "banned"),
    ):
        with pytest.raises(InvalidPrivacy):
            call()
    assert not PresenceEvent.objects.exists()
