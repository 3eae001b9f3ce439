"""Committed events update groups and send signals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.db import connection, transaction

from presence_events._recording import room_order
from presence_events.concurrency import in_thread
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord, record
from projections._delivery import dispatch
from projections.models import Presence, Room
from projections.signals import presence_changed, presence_updated
from tests.waiting import until

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
    """Collects the arguments of every presence_updated, in order."""
    received: list[dict[str, Any]] = []

    def receive(sender: Any, signal: Any, **kwargs: Any) -> None:
        received.append(kwargs)

    presence_updated.connect(receive)
    yield received
    presence_updated.disconnect(receive)


@pytest.mark.parametrize("exclusive", [None, "newest"])
def test_a_join_is_signalled_with_the_presence(
    user: Any, signals: list[dict[str, Any]], django_assert_num_queries: Any, exclusive: Any
) -> None:
    room = Room.objects.add("room", "channel", user, {"a": 1}, exclusive=exclusive)
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


def test_a_leave_is_signalled_with_the_presence_that_ended(user: Any, signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    ended = Presence.objects.get()
    Presence.objects.leave_all("channel")
    removed = signals[-1]["removed"]
    assert (removed.pk, removed.user, removed.joined_at, removed.last_seen) == (
        ended.pk,
        user,
        ended.joined_at,
        ended.last_seen,
    )
    assert removed.data is None
    assert (signals[-1]["added"], signals[-1]["bulk_change"]) == (None, False)


def test_prunes_are_one_signal_for_each_room_with_all_events(signals: list[dict[str, Any]]) -> None:
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


def test_the_group_is_up_to_date_when_the_signal_is_sent() -> None:
    """The documented receiver sends the list of members to the group of the room."""
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
        assert other not in layer.channels  # it got no message


def test_a_receiver_that_raises_is_logged_by_name_and_others_are_called(
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
    """It fails every request."""

    async def group_add(self, group: str, channel: str) -> None:
        raise ConnectionError("unavailable")

    async def group_discard(self, group: str, channel: str) -> None:
        raise ConnectionError("unavailable")


@pytest.fixture
def unreachable(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.UnreachableLayer"}}


@pytest.mark.usefixtures("unreachable")
def test_a_join_that_the_layer_fails_to_add_is_recorded_signalled_and_raised(signals: list[dict[str, Any]]) -> None:
    with pytest.raises(ConnectionError):
        Room.objects.add("room", "channel")
    assert Presence.objects.exists()
    assert len(signals) == 1


@pytest.mark.usefixtures("unreachable")
async def test_a_join_of_a_coroutine_that_the_layer_fails_to_add_is_recorded_signalled_and_raised(
    signals: list[dict[str, Any]],
) -> None:
    with pytest.raises(ConnectionError):
        await Room.objects.aadd("room", "channel")
    assert await Presence.objects.aexists()
    assert len(signals) == 1


@pytest.mark.usefixtures("unreachable")
def test_a_leave_that_the_layer_fails_to_discard_is_logged(
    caplog: pytest.LogCaptureFixture, signals: list[Any]
) -> None:
    with pytest.raises(ConnectionError):
        Room.objects.add("room", "channel")
    caplog.clear()
    assert Presence.objects.leave_all("channel") == 1
    assert len(signals) == 2
    assert "Group update failed: leave channel room" in caplog.text


def test_a_worker_has_receivers_if_one_of_its_signals_has() -> None:
    assert not dispatch.has_receivers("of-this-test")
    for signal in (presence_changed, presence_updated):
        receiver = Mock()
        signal.for_worker("of-this-test").connect(receiver, weak=False)
        assert dispatch.has_receivers("of-this-test")
        signal.for_worker("of-this-test").disconnect(receiver)
    assert not dispatch.has_receivers("of-this-test")


def _event(position: int, kind: str, room: str, channel_name: str | None, tx: int = 1) -> PresenceEvent:
    return PresenceEvent(id=position, kind=kind, room=room, channel_name=channel_name, tx=tx)


@pytest.mark.parametrize(
    ("others", "order"),
    [
        ([(2, "join", "hall", "c")], [2, 1, 9]),
        ([(2, "leave", "room", "c")], [2, 1, 9]),
        ([(2, "join", "room", "a")], [1, 2, 9]),
        ([(2, "prune", "room", None)], [1, 2, 9]),
    ],
    ids=["another room", "another connection", "the same connection", "the room itself"],
)
def test_prunes_of_a_transaction_in_a_room_are_held_back_for_each_other(
    others: list[tuple[int, str, str, str | None]], order: list[int]
) -> None:
    """Unless the next event of the room itself, or of one of their connections there, comes first."""
    events = [
        _event(1, "prune", "room", "a"),
        *(_event(*other, tx=2) for other in others),
        _event(9, "prune", "room", "b"),
    ]
    assert [event.id for event in dispatch.coalesce_prunes(events)] == order


def test_prunes_are_held_back_for_a_limited_number_of_positions() -> None:
    gap = dispatch.MAX_PRUNE_GAP
    near = [_event(1, "prune", "room", "a"), _event(1 + gap, "join", "hall", "c", tx=2)]
    far = [_event(1, "prune", "room", "a"), _event(2 + gap, "join", "hall", "c", tx=2)]
    assert [event.id for event in dispatch.coalesce_prunes(near)] == [1 + gap, 1]
    assert [event.id for event in dispatch.coalesce_prunes(far)] == [1, 2 + gap]


def test_signals_are_sent_in_the_order_of_the_log(signals: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        for _ in range(3):
            Room.objects.add("room", "channel")
            Room.objects.remove("room", "channel")
    positions = [signal["events"][0].id for signal in signals]
    assert positions == sorted(positions)
    assert len(positions) == 6


class PartlyFailingLayer(InMemoryChannelLayer):
    """It fails to add one channel."""

    async def group_add(self, group: str, channel: str) -> None:
        if channel == "bad":
            raise ConnectionError("not this one")
        await super().group_add(group, channel)


def test_after_a_transaction_a_failed_add_is_logged_and_everything_else_is_delivered(
    settings: Any, signals: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.PartlyFailingLayer"}}
    called: list[str] = []
    with transaction.atomic():
        Room.objects.add("room", "bad")
        Room.objects.add("room", "good")
        transaction.on_commit(lambda: called.append("another hook"))
    layer: Any = get_channel_layer()
    assert set(layer.groups["room"]) == {"good"}
    assert len(signals) == 2
    assert called == ["another hook"]
    assert "not this one" in caplog.text


class HangingLayer(InMemoryChannelLayer):
    """It never answers for one room."""

    async def group_add(self, group: str, channel: str) -> None:
        if group == "hanging":
            await asyncio.Event().wait()
        await super().group_add(group, channel)


async def test_a_delivery_that_hangs_delays_only_its_room_and_only_until_the_timeout(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.HangingLayer"}}
    monkeypatch.setattr(room_order, "TURN_TIMEOUT", 0.2)
    hanging = asyncio.create_task(Room.objects.aadd("hanging", "1"))
    while not await Presence.objects.filter(room="hanging").aexists():
        """The join is recorded before its delivery hangs."""
    await Room.objects.aadd("other", "2")
    assert await Presence.objects.atouch("1") == 1
    assert not caplog.records
    await Room.objects.aremove("hanging", "1")
    assert "takes more than 0.2 s" in caplog.text
    hanging.cancel()


async def test_a_receiver_may_record_in_the_room_of_its_signal() -> None:
    async def welcome(room: Room, added: Presence | None, **kwargs: Any) -> None:
        if added is not None and added.channel_name != "host":
            await Room.objects.aadd(room.channel_name, "host")

    with listening(welcome):
        await asyncio.wait_for(Room.objects.aadd("room", "guest"), room_order.TURN_TIMEOUT / 2)
    assert await Presence.objects.acount() == 2


def test_data_is_signalled_when_it_changes(updates: list[dict[str, Any]], user: Any) -> None:
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


async def test_coroutines_signal_changes_in_the_order_of_the_log(
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


async def test_synchronous_receivers_of_a_batch_are_called_in_one_switch_to_their_thread(
    monkeypatch: pytest.MonkeyPatch, signals: list[dict[str, Any]]
) -> None:
    switches = 0
    real = in_thread

    async def counting(function: Any) -> Any:
        nonlocal switches
        switches += 1
        return await real(function)

    monkeypatch.setattr("projections.signals.in_thread", counting)
    await arecord([Draft("join", room, f"{number}") for number in range(50) for room in "ab"])
    assert len(signals) == 100
    assert switches == 1


async def test_receivers_that_raise_are_logged_and_others_get_all_signals(
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


class Ending(BaseException):
    """Neither an Exception nor one of the endings of Python."""


def _raise_from(error: BaseException, *, is_coroutine: bool) -> Any:
    async def abroken(**kwargs: Any) -> None:
        raise error

    def broken(**kwargs: Any) -> None:
        raise error

    return abroken if is_coroutine else broken


from_both = pytest.mark.parametrize("is_coroutine", [False, True], ids=["function", "coroutine"])
own = pytest.mark.parametrize("error", [asyncio.CancelledError("mine"), Ending("mine")])


@from_both
@own
def test_a_receiver_that_raises_a_cancelled_error_affects_nothing_else(
    error: BaseException, is_coroutine: bool, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    hooks: list[str] = []
    receiver = _raise_from(error, is_coroutine=is_coroutine)
    with listening(receiver), caplog.at_level(logging.ERROR):
        with transaction.atomic():
            transaction.on_commit(lambda: hooks.append("before"))
            record([Draft("join", "room", channel) for channel in "xyz"])
            transaction.on_commit(lambda: hooks.append("after"))
        Room.objects.add("room", "w")
    assert len(signals) == 4
    assert hooks == ["before", "after"]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 4
    assert all(f"broken of presence_changed raised {type(error).__name__}" in message for message in messages)


@from_both
@own
async def test_a_receiver_that_raises_a_cancelled_error_affects_nothing_else_in_coroutines(
    error: BaseException, is_coroutine: bool, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    awaited: list[str] = []

    async def receive(events: list[Any], **kwargs: Any) -> None:
        awaited.extend(event.channel_name for event in events)

    receiver = _raise_from(error, is_coroutine=is_coroutine)
    with listening(receiver), listening(receive), caplog.at_level(logging.ERROR):
        events = await arecord([Draft("join", "room", channel) for channel in "xyz"])
    assert len(events) == len(signals) == 3
    assert awaited == ["x", "y", "z"]
    messages = [record.getMessage() for record in caplog.records]
    assert len(messages) == 3
    assert all(f"broken of presence_changed raised {type(error).__name__}" in message for message in messages)


@from_both
def test_a_signal_that_is_sent_again_counts_every_failure(is_coroutine: bool) -> None:
    Room.objects.add("room", "channel")
    with listening(_raise_from(asyncio.CancelledError(), is_coroutine=is_coroutine)):
        assert dispatch.resend(PresenceEvent.objects.all(), "default") == 1


async def test_a_cancelled_delivery_still_calls_the_synchronous_receivers_for_all_signals(signals: list[Any]) -> None:
    """The coroutine that is awaited is cancelled, and that of the next signal is not started."""
    awaited: list[str] = []

    async def receive(events: list[Any], **kwargs: Any) -> None:
        awaited.append(events[0].channel_name)
        await asyncio.Event().wait()

    with listening(receive):
        recording = asyncio.create_task(arecord([Draft("join", "room", channel) for channel in "xy"]))
        await until(lambda: awaited)
        (announcement,) = [task for task in asyncio.all_tasks() if "_announce_in_turn" in repr(task.get_coro())]
        announcement.cancel()
        events = await recording
    assert [event.channel_name for event in events] == ["x", "y"]
    assert len(signals) == 2
    assert awaited == ["x"]


async def test_synchronous_receivers_can_query_after_their_database_connection_broke() -> None:
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
