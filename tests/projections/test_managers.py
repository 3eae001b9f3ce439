"""Operations on rooms and presences, under the names that django-channels-presence documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils.functional import SimpleLazyObject

from presence_events import exceptions
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


def members(room: str) -> set[str]:
    """Returns the channel names in the group of the (in-memory) channel layer."""
    layer: Any = get_channel_layer()
    return set(layer.groups.get(room, ()))


def test_add_creates_room_presence_and_membership(user: Any, log: Callable[[], list[str]]) -> None:
    room = Room.objects.add("room", "channel", user, {"device": "phone"})
    assert room == Room.objects.get()
    assert room.created_at == Presence.objects.get().joined_at
    presence = room.presence_set.get()
    assert (presence.channel_name, presence.user, presence.data) == ("channel", user, {"device": "phone"})
    assert presence.last_seen == presence.joined_at
    assert members("room") == {"channel"}
    assert log() == ["join channel room"]


def test_a_repeated_add_records_nothing_and_restores_the_membership(user: Any, log: Callable[[], list[str]]) -> None:
    Room.objects.add("room", "channel", user)
    layer: Any = get_channel_layer()
    layer.groups.clear()  # as after a restart of the layer, or its group_expiry
    assert Room.objects.add("room", "channel", user).channel_name == "room"
    assert members("room") == {"channel"}
    assert log() == ["join channel room"]


def test_add_as_another_user_ends_the_first_stay_and_starts_a_second(
    user: Any, other_user: Any, log: Callable[[], list[str]], signals: list[dict[str, Any]]
) -> None:
    for person in (user, other_user, AnonymousUser()):
        Room.objects.add("room", "channel", person)
    assert log() == ["join channel room", *["leave channel room", "join channel room"] * 2]
    assert [event.user_id for event in PresenceEvent.objects.order_by("id")] == [
        user.pk,
        user.pk,
        other_user.pk,
        other_user.pk,
        None,
    ]
    assert PresenceEvent.objects.filter(kind="leave").first().data == {"reason": "joined again as another user"}
    assert [(s["added"] is not None, s["removed"] is not None) for s in signals] == [
        (True, False),
        (False, True),
        (True, False),
        (False, True),
        (True, False),
    ]
    assert Presence.objects.get().user is None
    assert members("room") == {"channel"}
    assert_live_is_the_fold()


def test_the_user_of_a_scope_is_lazy_and_works(user: Any) -> None:
    Room.objects.add("room", "channel", SimpleLazyObject(lambda: user))
    assert Presence.objects.get().user == user


def test_remove_ends_the_stay_and_the_membership(user: Any, log: Callable[[], list[str]]) -> None:
    Room.objects.add("room", "channel", user)
    Room.objects.add("other", "channel", user)
    Room.objects.remove("room", "channel")
    assert list(Presence.objects.values_list("room", flat=True)) == ["other"]
    assert (members("room"), members("other")) == (set(), {"channel"})
    event = PresenceEvent.objects.get(kind="leave")
    join = PresenceEvent.objects.get(kind="join", room="room")
    assert (event.session, event.since, event.user_id) == (join.session, join.at, user.pk)
    assert event.last_seen == join.at <= event.at


def test_remove_of_an_absent_connection_records_nothing(log: Callable[[], list[str]], signals: list[Any]) -> None:
    Room.objects.remove("nowhere", "absent")
    Room.objects.add("room", "channel")
    Room.objects.remove("room", "absent")
    assert log() == ["join channel room"]
    assert len(signals) == 1


def test_touch_updates_last_seen_in_every_room() -> None:
    for room in ("a", "b"):
        Room.objects.add(room, "channel")
    Room.objects.add("a", "other")
    before = {p.pk: p.last_seen for p in Presence.objects.all()}
    assert Presence.objects.touch("channel") == 2
    touched = {p.pk for p in Presence.objects.all() if p.last_seen > before[p.pk]}
    assert touched == set(Presence.objects.filter(channel_name="channel").values_list("pk", flat=True))
    assert_live_is_the_fold()


def test_touch_replaces_the_data_if_data_is_given() -> None:
    Room.objects.add("room", "channel", data={"status": "here"})
    Presence.objects.touch("channel")
    assert Presence.objects.get().data == {"status": "here"}
    Presence.objects.touch("channel", {"status": "busy"})
    assert Presence.objects.get().data == {"status": "busy"}
    assert_live_is_the_fold()


def test_touch_of_an_absent_connection_returns_zero() -> None:
    assert Presence.objects.touch("absent") == 0


def test_leave_all_leaves_every_room(log: Callable[[], list[str]]) -> None:
    for room in ("b", "a"):
        Room.objects.add(room, "channel")
        Room.objects.add(room, "other")
    assert Presence.objects.leave_all("channel") == 2
    assert log()[-2:] == ["leave channel a", "leave channel b"]
    assert members("a") == members("b") == {"other"}
    assert Presence.objects.leave_all("channel") == 0


def test_prune_presences_ends_silent_stays(log: Callable[[], list[str]], settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 30
    for channel in ("old", "touched", "new"):
        Room.objects.add("room", channel)
    age_presences("old", "touched", seconds=31)
    Presence.objects.touch("touched")
    assert Room.objects.prune_presences() == 1
    assert log()[-1] == "prune old room"
    assert members("room") == {"touched", "new"}
    event = PresenceEvent.objects.get(kind="prune")
    assert event.last_seen < event.at


def test_prune_presences_accepts_an_age() -> None:
    Room.objects.add("room", "channel")
    age_presences("channel", seconds=10)
    assert Room.objects.prune_presences(age_in_seconds=11) == 0
    assert Room.objects.prune_presences(age_in_seconds=9) == 1


def test_the_maximal_age_is_a_minute_by_default() -> None:
    Room.objects.add("room", "channel")
    age_presences("channel", seconds=59)
    assert Room.objects.prune_presences() == 0
    age_presences("channel", seconds=2)
    assert Room.objects.prune_presences() == 1


def test_prune_rooms_removes_empty_rooms_only(log: Callable[[], list[str]]) -> None:
    for room in ("empty", "full"):
        Room.objects.add(room, "channel")
    Room.objects.remove("empty", "channel")
    assert Room.objects.prune_rooms() == 1
    assert list(Room.objects.values_list("pk", flat=True)) == ["full"]
    assert log()[-1] == "prune room empty"
    assert_live_is_the_fold()


def test_the_next_join_creates_a_pruned_room_again() -> None:
    Room.objects.add("room", "channel")
    first = Room.objects.get().created_at
    Room.objects.remove("room", "channel")
    Room.objects.prune_rooms()
    Room.objects.add("room", "channel")
    assert Room.objects.get().created_at > first
    assert_live_is_the_fold()


def test_leave_user_ends_every_stay_of_a_user(user: Any, other_user: Any) -> None:
    for room, channel, person in [("a", "1", user), ("b", "2", user), ("a", "3", other_user), ("a", "4", None)]:
        Room.objects.add(room, channel, person)
    assert Presence.objects.leave_user(user, reason="banned") == 2
    assert set(Presence.objects.values_list("channel_name", flat=True)) == {"3", "4"}
    assert {event.data["reason"] for event in PresenceEvent.objects.filter(kind="leave")} == {"banned"}
    assert Presence.objects.leave_user(AnonymousUser(), reason="banned") == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: Room.objects.add("room", "channel"),
        lambda: Room.objects.remove("room", "present"),
        lambda: Presence.objects.touch("present"),
        lambda: Presence.objects.leave_all("present"),
        lambda: Room.objects.prune_presences(0),
        Room.objects.prune_rooms,
    ],
    ids=["add", "remove", "touch", "leave_all", "prune_presences", "prune_rooms"],
)
def test_a_call_is_one_round_trip(call: Callable[[], Any], django_assert_num_queries: Any) -> None:
    Room.objects.add("room", "present")
    Room.objects.add("empty", "gone")
    Room.objects.remove("empty", "gone")
    with django_assert_num_queries(1):
        call()


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: Room.objects.add("a room", "channel"), exceptions.InvalidRoomName),
        (lambda: Room.objects.add("room", ""), exceptions.InvalidChannelName),
        (lambda: Room.objects.add("room", "channel", "ada"), exceptions.InvalidUser),
        (lambda: Room.objects.add("room", "channel", None, {1}), exceptions.InvalidData),
        (lambda: Room.objects.remove("x" * 100, "channel"), exceptions.InvalidRoomName),
        (lambda: Room.objects.remove("room", "x" * 100), exceptions.InvalidChannelName),
        (lambda: Presence.objects.touch(None), exceptions.InvalidChannelName),
        (lambda: Presence.objects.touch("channel", float("nan")), exceptions.InvalidData),
        (lambda: Presence.objects.leave_all(""), exceptions.InvalidChannelName),
        (lambda: Presence.objects.leave_user("ada", reason=""), exceptions.InvalidUser),
        (lambda: Room.objects.prune_presences(-1), exceptions.InvalidAge),
    ],
)
def test_invalid_input_is_refused_without_a_query(
    call: Callable[[], Any], error: type[Exception], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0), pytest.raises(error):
        call()


async def test_every_method_has_a_coroutine_twin(user: Any) -> None:
    room = await Room.objects.aadd("room", "channel", user, {"a": 1})
    assert room.channel_name == "room"
    assert members("room") == {"channel"}
    assert await Presence.objects.atouch("channel", {"a": 2}) == 1
    assert (await Presence.objects.aget()).data == {"a": 2}
    await Room.objects.aremove("room", "channel")
    assert members("room") == set()
    await Room.objects.aadd("room", "channel", user)
    assert await Presence.objects.aleave_user(user, reason="test") == 1
    await Room.objects.aadd("room", "channel")
    assert await Presence.objects.aleave_all("channel") == 1
    await Room.objects.aadd("room", "channel")
    assert await Room.objects.aprune_presences(0) == 1
    assert await Room.objects.aprune_rooms() == 1


async def test_a_repeated_aadd_restores_the_membership() -> None:
    await Room.objects.aadd("room", "channel")
    layer: Any = get_channel_layer()
    layer.groups.clear()
    await Room.objects.aadd("room", "channel")
    assert members("room") == {"channel"}


def test_inside_a_transaction_groups_and_signals_wait_for_the_commit(signals: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        Room.objects.add("room", "channel")
        assert Presence.objects.exists()
        assert (members("room"), signals) == (set(), [])
    assert members("room") == {"channel"}
    assert len(signals) == 1


def test_a_join_that_is_rolled_back_has_no_effects(signals: list[dict[str, Any]], log: Callable[[], list[str]]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Room.objects.add("room", "channel")
        1 / 0  # noqa: B018
    assert (members("room"), signals, log()) == (set(), [], [])
    assert not Room.objects.exists()


@pytest.mark.parametrize("layers", [{}])
def test_presence_is_recorded_without_a_channel_layer(layers: Any, settings: Any, signals: list[Any]) -> None:
    settings.CHANNEL_LAYERS = layers
    Room.objects.add("room", "channel")
    Room.objects.add("room", "channel")
    assert Presence.objects.leave_all("channel") == 1
    assert len(signals) == 2


async def test_removing_an_absent_connection_discards_its_membership() -> None:
    for remove in (sync_to_async(Room.objects.remove), Room.objects.aremove):
        await get_channel_layer().group_add("room", "channel")
        await remove("room", "channel")
        assert "room" not in get_channel_layer().groups


async def test_a_failing_discard_is_logged(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(*args: Any) -> None:
        raise ConnectionError("no layer")

    monkeypatch.setattr(InMemoryChannelLayer, "group_discard", fail)
    await Room.objects.aremove("room", "channel")
    assert any("Group update failed: channel is still in room" in record.getMessage() for record in caplog.records)


def test_repeated_data_is_recorded_as_a_touch_without_data() -> None:
    Room.objects.add("room", "channel", None, {"status": "here", "n": 1})
    for data in ({"n": 1, "status": "here"}, {"n": 2}, {"n": 2}, None):
        assert Presence.objects.touch("channel", data) == 1
    recorded = PresenceEvent.objects.filter(kind="touch").order_by("id").values_list("data", flat=True)
    assert list(recorded) == [None, {"n": 2}, None, None]
    assert Presence.objects.get().data == {"n": 2}
    assert_live_is_the_fold()


async def test_remove_works_without_a_channel_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    await Room.objects.aremove("room", "channel")
    assert not await PresenceEvent.objects.aexists()
