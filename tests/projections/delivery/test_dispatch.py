"""Groups and signals follow what was committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import connection, transaction

from presence_events._recording import room_order
from presence_events.concurrency import in_thread
from presence_events.recorder import Draft, arecord, record
from projections._delivery import groups
from projections.models import Presence, Room
from projections.signals import presence_changed, presence_updated

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def listening(receiver: Any) -> Iterator[None]:
    presence_changed.connect(receiver, weak=False)
    try:
        yield
    finally:
        presence_changed.disconnect(receiver)


@pytest.fixture
def updates() -> Iterator[list[dict[str, Any]]]:
    """The arguments of every presence_updated, in order."""
    received: list[dict[str, Any]] = []

    def receive(sender: Any, signal: Any, **kwargs: Any) -> None:
        received.append(kwargs)

    presence_updated.connect(receive)
    yield received
    presence_updated.disconnect(receive)


def test_a_join_is_signalled_with_the_presence(
    user: Any, signals: list[dict[str, Any]], django_assert_num_queries: Any
) -> None:
    room = Room.objects.add("room", "channel", user, {"a": 1})
    (signal,) = signals
    assert (signal["room"], signal["removed"], signal["bulk_change"]) == (room, None, False)
    stored = Presence.objects.get()
    with django_assert_num_queries(0):
        for field in Presence._meta.concrete_fields:
            assert getattr(signal["added"], field.attname) == getattr(stored, field.attname)
        assert signal["added"].user is user
        assert signal["added"].room is signal["room"]
    (event,) = signal["events"]
    assert (event.kind, event.session) == ("join", stored.pk)
    assert signal["room"].created_at == stored.joined_at


def test_a_leave_is_signalled_with_the_presence_that_was(user: Any, signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    was = Presence.objects.get()
    Presence.objects.leave_all("channel")
    removed = signals[-1]["removed"]
    assert (removed.pk, removed.user, removed.joined_at, removed.last_seen) == (
        was.pk,
        user,
        was.joined_at,
        was.last_seen,
    )
    assert removed.data is None
    assert (signals[-1]["added"], signals[-1]["bulk_change"]) == (None, False)


def test_a_prune_is_one_signal_a_room_that_names_everyone(signals: list[dict[str, Any]]) -> None:
    record([Draft("join", room, f"{room}{number}") for room in "ab" for number in range(1500)])
    signals.clear()
    assert Room.objects.prune_presences(0) == 3000
    assert [(s["room"].channel_name, s["added"], s["removed"], s["bulk_change"]) for s in signals] == [
        ("a", None, None, True),
        ("b", None, None, True),
    ]
    assert {event.channel_name for event in signals[0]["events"]} == {f"a{number}" for number in range(1500)}


def test_touches_and_pruned_rooms_are_not_signalled(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Room.objects.remove("room", "channel")
    Room.objects.prune_rooms()
    assert len(signals) == 2


def test_the_group_is_right_when_the_signal_arrives() -> None:
    """The documented receiver sends the member list to the group from inside the signal."""
    layer: Any = get_channel_layer()
    channel = async_to_sync(layer.new_channel)()
    other = async_to_sync(layer.new_channel)()

    def broadcast(sender: Any, room: Room, **kwargs: Any) -> None:
        members = sorted(user.username for user in room.get_users())
        message = {"type": "forward.message", "members": members, "lurkers": room.get_anonymous_count()}
        async_to_sync(get_channel_layer().group_send)(room.channel_name, message)

    with listening(broadcast):
        Room.objects.add("room", channel)
        assert async_to_sync(layer.receive)(channel)["lurkers"] == 1
        Room.objects.add("room", other)
        assert async_to_sync(layer.receive)(channel)["lurkers"] == 2
        assert async_to_sync(layer.receive)(other)["lurkers"] == 2
        Room.objects.remove("room", other)
        assert async_to_sync(layer.receive)(channel)["lurkers"] == 1
        assert other not in layer.channels  # nothing waits there


def test_a_receiver_that_raises_is_logged_by_name_and_hurts_nobody(
    caplog: pytest.LogCaptureFixture, signals: list[dict[str, Any]]
) -> None:
    def broken_receiver(**kwargs: Any) -> None:
        raise RuntimeError("no")

    class Broken:
        def __call__(self, **kwargs: Any) -> None:
            raise RuntimeError("neither")

    with listening(broken_receiver), listening(Broken()), caplog.at_level(logging.ERROR):
        Room.objects.add("room", "channel")
    assert Presence.objects.exists()
    assert len(signals) == 1
    messages = [record.getMessage() for record in caplog.records]
    assert any("broken_receiver of presence_changed raised RuntimeError('no')" in message for message in messages)
    assert any("Broken object" in message and "neither" in message for message in messages)


async def test_coroutine_functions_may_receive() -> None:
    received: list[Any] = []

    async def receive(added: Any, **kwargs: Any) -> None:
        received.append(added)

    with listening(receive):
        await Room.objects.aadd("room", "channel")
    assert [presence.channel_name for presence in received] == ["channel"]


class UnreachableLayer(InMemoryChannelLayer):
    """A layer that has gone away."""

    async def group_add(self, group: str, channel: str) -> None:
        raise ConnectionError("the layer is gone")

    async def group_discard(self, group: str, channel: str) -> None:
        raise ConnectionError("the layer is gone")


@pytest.fixture
def unreachable(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.UnreachableLayer"}}


@pytest.mark.usefixtures("unreachable")
def test_a_join_the_layer_does_not_follow_is_recorded_signalled_and_raised(signals: list[dict[str, Any]]) -> None:
    with pytest.raises(ConnectionError):
        Room.objects.add("room", "channel")
    assert Presence.objects.exists()
    assert len(signals) == 1


@pytest.mark.usefixtures("unreachable")
def test_an_end_the_layer_does_not_follow_is_logged(caplog: pytest.LogCaptureFixture, signals: list[Any]) -> None:
    with pytest.raises(ConnectionError):
        Room.objects.add("room", "channel")
    caplog.clear()
    assert Presence.objects.leave_all("channel") == 1
    assert len(signals) == 2
    assert "failed to follow: leave channel room" in caplog.text


def test_signals_come_in_the_order_of_the_log(signals: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        for _ in range(3):
            Room.objects.add("room", "channel")
            Room.objects.remove("room", "channel")
    positions = [signal["events"][0].id for signal in signals]
    assert positions == sorted(positions)
    assert len(positions) == 6


class FussyLayer(InMemoryChannelLayer):
    """A layer that takes everybody but one."""

    async def group_add(self, group: str, channel: str) -> None:
        if channel == "bad":
            raise ConnectionError("not this one")
        await super().group_add(group, channel)


def test_inside_a_transaction_one_join_the_layer_does_not_follow_keeps_nothing_else_from_happening(
    settings: Any, signals: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.FussyLayer"}}
    called: list[str] = []
    with transaction.atomic():
        Room.objects.add("room", "bad")
        Room.objects.add("room", "good")
        transaction.on_commit(lambda: called.append("a hook of somebody else"))
    layer: Any = get_channel_layer()
    assert set(layer.groups["room"]) == {"good"}
    assert len(signals) == 2
    assert called == ["a hook of somebody else"]
    assert "not this one" in caplog.text


class HangingLayer(InMemoryChannelLayer):
    """A layer that does not answer for one room."""

    async def group_add(self, group: str, channel: str) -> None:
        if group == "hanging":
            await asyncio.Event().wait()
        await super().group_add(group, channel)


async def test_a_delivery_that_hangs_holds_up_its_room_alone_and_that_for_a_while(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.HangingLayer"}}
    monkeypatch.setattr(room_order, "TURN_TIMEOUT", 0.2)
    hanging = asyncio.create_task(Room.objects.aadd("hanging", "1"))
    while not await Presence.objects.filter(room="hanging").aexists():
        """It is recorded before it hangs."""
    await Room.objects.aadd("other", "2")
    assert await Presence.objects.atouch("1") == 1
    assert not caplog.records
    await Room.objects.aremove("hanging", "1")
    assert "takes more than 0.2 s" in caplog.text
    hanging.cancel()


async def test_a_receiver_may_record_in_the_room_it_is_told_of() -> None:
    async def welcome(room: Room, added: Presence | None, **kwargs: Any) -> None:
        if added is not None and added.channel_name != "host":
            await Room.objects.aadd(room.channel_name, "host")

    with listening(welcome):
        await asyncio.wait_for(Room.objects.aadd("room", "guest"), room_order.TURN_TIMEOUT / 2)
    assert await Presence.objects.acount() == 2


def test_what_a_connection_says_of_itself_is_signalled_when_it_changes(
    updates: list[dict[str, Any]], user: Any
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, user_id, process)"
            " VALUES ('join', 'room', 'channel', %s, 'process')",
            [user.pk],
        )
    Room.objects.add("hall", "channel", user, {"status": "away"})
    Presence.objects.touch("channel")
    assert updates == []
    Presence.objects.touch("channel", {"status": "away"})
    (update,) = updates
    assert update["room"] == Room.objects.get(channel_name="room")
    (event,) = update["events"]
    assert (event.kind, event.data) == ("touch", {"status": "away"})
    stored = Presence.objects.get(room="room")
    for field in Presence._meta.concrete_fields:
        assert getattr(update["presence"], field.attname) == getattr(stored, field.attname)


async def test_coroutines_signal_what_changed_in_the_order_of_the_log(
    updates: list[dict[str, Any]], signals: list[dict[str, Any]]
) -> None:
    both: list[int] = []
    signals_in_order = [presence_changed, presence_updated]

    def note(events: list[Any], **kwargs: Any) -> None:
        both.extend(event.id for event in events)

    for signal in signals_in_order:
        signal.connect(note)
    channels = [f"{number}" for number in range(20)]
    await asyncio.gather(*(Room.objects.aadd("room", channel) for channel in channels))
    touched = [Presence.objects.atouch(channel, {"n": 1}) for channel in channels]
    left = [Presence.objects.aleave_all(channel) for channel in channels]
    again = [Presence.objects.atouch(channel, {"n": 1}) for channel in channels]
    assert await asyncio.gather(*touched, *left, *again) == [1] * 40 + [0] * 20
    for signal in signals_in_order:
        signal.disconnect(note)
    assert len(updates) == 20
    assert len(signals) == 40
    assert len(both) == 60
    assert both == sorted(both)


async def test_synchronous_receivers_of_a_flush_are_called_in_one_visit_to_their_thread(
    monkeypatch: pytest.MonkeyPatch, signals: list[dict[str, Any]]
) -> None:
    visits = 0
    visit = in_thread

    async def counting(function: Any) -> Any:
        nonlocal visits
        visits += 1
        return await visit(function)

    monkeypatch.setattr("projections.signals.in_thread", counting)
    await arecord([Draft("join", room, f"{number}") for number in range(50) for room in "ab"])
    assert len(signals) == 100
    assert visits == 1


async def test_receivers_that_raise_are_logged_and_the_others_get_everything(
    caplog: pytest.LogCaptureFixture, signals: list[dict[str, Any]]
) -> None:
    awaited: list[Any] = []

    def broken(**kwargs: Any) -> None:
        raise RuntimeError("no")

    async def abroken(**kwargs: Any) -> None:
        raise RuntimeError("neither")

    async def receive(events: list[Any], **kwargs: Any) -> None:
        awaited.extend(event.channel_name for event in events)

    with listening(broken), listening(abroken), listening(receive), caplog.at_level(logging.ERROR):
        await arecord([Draft("join", "room", channel) for channel in "xyz"])
    assert awaited == ["x", "y", "z"]
    assert len(signals) == 3
    messages = [record.getMessage() for record in caplog.records]
    assert sum("broken of presence_changed raised RuntimeError('no')" in message for message in messages) == 3
    assert sum("abroken of presence_changed raised RuntimeError('neither')" in message for message in messages) == 3


async def test_the_layer_is_asked_for_many_at_once_but_not_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = most = 0

    async def slow(layer: Any, group: str, channel: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    monkeypatch.setattr(InMemoryChannelLayer, "group_add", slow)
    await arecord([Draft("join", "room", f"{number}") for number in range(3 * groups.AT_ONCE)])
    assert most == groups.AT_ONCE


async def test_the_group_has_who_left_and_came_back_in_one_flush() -> None:
    await arecord([Draft("join", "room", "channel")])
    await arecord([Draft("leave", "room", "channel"), Draft("join", "room", "channel")])
    assert list(get_channel_layer().groups["room"]) == ["channel"]
    await arecord([Draft("join", "hall", "channel"), Draft("leave", "hall", "channel")])
    assert "hall" not in get_channel_layer().groups


async def test_synchronous_receivers_that_query_go_on_after_their_connection_broke() -> None:
    found: list[int] = []

    def query(room: Room, **kwargs: Any) -> None:
        found.append(room.get_anonymous_count())

    def break_connections() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()

    with listening(query):
        await Room.objects.aadd("room", "first")
        await asyncio.to_thread(break_connections)
        await Room.objects.aadd("room", "second")
        await Room.objects.aadd("room", "third")
    assert found[0] == 1
    assert found[-1] == 3
