"""Consumers that need no upkeep."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.current_thread_executor import CurrentThreadExecutor
from asgiref.sync import AsyncToSync, sync_to_async
from channels.consumer import AsyncConsumer
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from django.db import DatabaseError

from presence_events.exceptions import InvalidRoomName
from projections._live import heartbeat
from projections.consumers import EVICTED, AsyncPresenceMixin, PresenceMixin
from projections.managers import PresenceManager, RoomManager
from projections.models import Presence, Room
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    SyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    present,
)
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


@both
async def test_joins_as_the_user_of_the_scope_and_leaves_every_room_at_the_end(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data={"device": "phone"})
    stays = [(stay.room_id, stay.user_id, stay.data) async for stay in Presence.objects.order_by("room")]
    assert stays == [("a", user.pk, {"device": "phone"}), ("b", user.pk, {"device": "phone"})]
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave a", "leave b"]


@both
async def test_leaves_one_room_and_stays_in_the_other(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await client("leave_room", "a")
    await client("leave_room", "nowhere")
    assert await present() == [("b", client.channel)]
    await client.disconnect()


@both
async def test_touches_and_says_something_new_in_every_room(chat: Any) -> None:
    client = await client_of(chat, "a", "b", data="here")
    assert await client("touch_presence", "away") == 2
    assert [stay.data async for stay in Presence.objects.all()] == ["away", "away"]
    assert await client("touch_presence") == 2
    assert [stay.data async for stay in Presence.objects.all()] == ["away", "away"]
    await client.disconnect()


@both
async def test_a_consumer_that_is_nowhere_may_be_touched(chat: Any) -> None:
    client = await client_of(chat)
    assert await client("touch_presence", "away") == 0
    await client.disconnect()


@both
async def test_leaves_when_a_handler_raises(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.say("fail")
    with pytest.raises(OSError, match="the client is gone"):
        await client.communicator.wait()
    assert await happened() == ["join a", "leave a"]


@both
async def test_leaves_when_it_is_cancelled(chat: Any) -> None:
    client = await client_of(chat, "a")
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    assert await happened() == ["join a", "leave a"]


async def test_leaves_when_it_is_cancelled_as_its_thread_returns_from_the_loop() -> None:
    """asgiref leaves the consumer with a context in which queries would run in a thread that waits for none."""

    class Unlucky(SyncChat):
        async def dispatch(self, message: Any) -> None:
            if message["type"] == "websocket.receive" and await happened():
                executor, done = CurrentThreadExecutor(None), Future[None]()
                done.set_result(None)
                executor.run_until_future(done)
                AsyncToSync.executors.current = executor
                raise asyncio.CancelledError
            await super().dispatch(message)

    client = await client_of(Unlucky, "a")
    await client.say("touch_presence")
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    assert await happened() == ["join a", "leave a"]


@both
async def test_the_database_is_not_asked_at_the_end_of_a_consumer_that_never_joined(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*args: Any) -> int:
        raise AssertionError

    monkeypatch.setattr(PresenceManager, "aleave_all", asked)
    client = await client_of(chat)
    await client.disconnect()


@both
async def test_what_it_does_after_its_end_is_not_recorded(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.disconnect()
    for method, *arguments in (("join_room", "b"), ("touch_presence",), ("leave_room", "a")):
        call = getattr(client.consumer, method)
        await (call(*arguments) if chat is AsyncChat else sync_to_async(call)(*arguments))
    assert await happened(touches=True) == ["join a", "leave a"]


@both
async def test_the_end_of_a_consumer_that_cannot_leave_is_logged_and_hides_nothing(
    chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*args: Any) -> int:
        raise DatabaseError("the database is away")

    client = await client_of(chat, "a")
    monkeypatch.setattr(PresenceManager, "aleave_all", fail)
    await client.say("fail")
    with pytest.raises(OSError, match="the client is gone"):
        await client.communicator.wait()
    assert f"{client.channel} could not leave its rooms" in caplog.text
    assert "the database is away" in caplog.text


@both
async def test_a_join_that_is_refused_changes_nothing(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.say("join_room", "no such name!")
    with pytest.raises(InvalidRoomName):
        await client.communicator.wait()
    assert await happened() == ["join a", "leave a"]


@both
async def test_a_join_that_fails_leaves_the_room_as_it_was(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Persistent(chat):
        if chat is AsyncChat:

            async def try_to_join(self, room: str) -> None:
                with pytest.raises(DatabaseError):
                    await self.join_room(room)
        else:

            def try_to_join(self, room: str) -> None:
                with pytest.raises(DatabaseError):
                    self.join_room(room)

    client = await client_of(Persistent, "a")
    with monkeypatch.context() as patched:
        _fail_to_join(patched)
        await client("try_to_join", "a")
        await client("try_to_join", "b")
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()
    assert await happened() == ["join a", "prune a"]


def _fail_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    async def afail(*args: Any) -> None:
        raise DatabaseError

    def fail(*args: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(RoomManager, "aadd", afail)
    monkeypatch.setattr(RoomManager, "add", fail)


async def test_a_consumer_cancelled_in_the_middle_of_a_join_leaves_no_ghost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The join has begun and is held up; the consumer is cancelled; the join goes on; then comes the leave."""
    begun, gate = asyncio.Event(), asyncio.Event()
    real = RoomManager.aadd

    async def held_up(*args: Any) -> Room:
        begun.set()
        await gate.wait()
        return await real(*args)

    client = await client_of(AsyncChat)
    monkeypatch.setattr(RoomManager, "aadd", held_up)
    await client.say("join_room", "a")
    await begun.wait()
    client.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    await until(lambda: not heartbeat.of_running_loop()._leaves)
    assert await happened() == ["join a", "leave a"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_sync_consumer_cancelled_in_the_middle_of_a_join_leaves_no_ghost(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The join has begun in its thread and is held up; the consumer ends and leaves; the join goes on all the same."""
    begun, ended = threading.Event(), threading.Event()
    real, real_leave = RoomManager.add, PresenceManager.aleave_all

    def held_up(*args: Any) -> Room:
        begun.set()
        ended.wait(10)
        room = real(*args)
        if fails:
            raise OSError("the channel layer is away")
        return room

    async def left_before(*args: Any) -> int:
        left = await real_leave(*args)
        ended.set()
        return left

    client = await client_of(SyncChat)
    monkeypatch.setattr(RoomManager, "add", held_up)
    monkeypatch.setattr(PresenceManager, "aleave_all", left_before)
    await client.say("join_room", "a")
    await until(begun.is_set)
    client.cancel()
    with pytest.raises((asyncio.CancelledError, OSError)):
        await client.communicator.future
    await sync_to_async(lambda: None)()  # the thread is done with the handler
    assert await happened() == ["join a", "leave a"]


@both
async def test_a_consumer_that_is_cancelled_while_it_leaves_ends_when_it_has_left(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stops just after the client has gone. Receivers in a thread would wait for ever for a loop that is."""
    client = await client_of(chat, "a")
    leaving, gate = asyncio.Event(), asyncio.Event()
    real = PresenceManager.aleave_all

    async def held_up(*args: Any) -> int:
        left = await real(*args)
        leaving.set()
        await gate.wait()
        return left

    monkeypatch.setattr(PresenceManager, "aleave_all", held_up)
    await client.communicator.send_input({"type": "websocket.disconnect", "code": 1000})
    await leaving.wait()
    client.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not client.communicator.future.done()
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    assert not heartbeat.of_running_loop()._leaves


async def test_consumers_that_are_cancelled_together_end_when_all_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """daphne waits for the first only."""
    clients = [await client_of(AsyncChat, "a") for _ in range(5)]
    real = PresenceManager.aleave_all

    async def slow_for_some(manager: Any, channel_name: str) -> int:
        if channel_name != clients[0].channel:
            await asyncio.sleep(0.2)
        return await real(manager, channel_name)

    monkeypatch.setattr(PresenceManager, "aleave_all", slow_for_some)
    for client in clients:
        client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await clients[0].communicator.future
    assert await present() == []
    await asyncio.wait([client.communicator.future for client in clients])


@both
async def test_a_consumer_that_is_cancelled_twice_waits_no_longer(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await client_of(chat, "a")
    leaving, gate = asyncio.Event(), asyncio.Event()
    real = PresenceManager.aleave_all

    async def held_up(*args: Any) -> int:
        leaving.set()
        await gate.wait()
        return await real(*args)

    monkeypatch.setattr(PresenceManager, "aleave_all", held_up)
    client.cancel()
    await leaving.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    gate.set()
    await until(lambda: not heartbeat.of_running_loop()._leaves)
    assert await present() == []


@pytest.mark.parametrize("goes_on", [False, True])
async def test_who_is_cancelled_waits_for_those_with_whom_it_takes_longer(
    monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    """Their leaves have not begun when its own is done. But nobody waits for ever for who takes no notice."""
    monkeypatch.setattr(heartbeat, "GRACE", 0.2)
    handling, done = asyncio.Event(), asyncio.Event()

    class Slow(AsyncChat):
        async def stay_busy(self) -> None:
            handling.set()
            try:
                await done.wait()
            finally:
                await (done.wait() if goes_on else asyncio.sleep(0.05))

    slow, quick = await client_of(Slow, "a"), await client_of(AsyncChat, "b")
    await slow.say("stay_busy")
    await handling.wait()
    slow.cancel()
    quick.cancel()
    with pytest.raises(asyncio.CancelledError):
        await quick.communicator.future
    assert await present() == ([("a", slow.channel)] if goes_on else [])
    done.set()
    with pytest.raises(asyncio.CancelledError):
        await slow.communicator.future


async def test_a_consumer_that_never_joined_and_is_cancelled_waits_for_nobody() -> None:
    client = await client_of(AsyncChat)
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future


async def test_nothing_is_kept_of_consumers_that_have_ended() -> None:
    """Timers and tasks would keep their event loop in memory."""
    client = await client_of(AsyncChat, "a")
    client.cancel()
    await asyncio.wait([client.communicator.future])
    heart = heartbeat.of_running_loop()
    await until(lambda: not heart._leaves)
    assert [heart._connections, heart._timer, heart._beating, heart._tasks, heart._farewell] == [
        {},
        None,
        None,
        set(),
        None,
    ]


@both
async def test_who_is_pruned_on_purpose_by_this_process_is_closed_at_once(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    other = await client_of(chat, "c")
    assert await sync_to_async(Room(channel_name="a").prune_presences)(0) == 1
    assert await client.closed_with() == EVICTED == 4408
    await client.say("touch_presence")  # whatever it says to whom is gone is said to nobody
    assert await client.open_and_quiet()
    assert await other.open_and_quiet()
    await client.disconnect()
    await other.disconnect()
    assert await happened() == ["join a", "join b", "join c", "prune a", "leave b", "leave c"]


async def test_all_whom_a_coroutine_prunes_are_closed_after_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    real = heartbeat.endings

    def counted(stays: Any, *args: Any) -> Any:
        looked.append(sorted(stays))
        return real(stays, *args)

    monkeypatch.setattr(heartbeat, "endings", counted)
    clients = [await client_of(chat, "a", "b") for chat in CHATS]
    await Room.objects.aprune_presences(0)
    for client in clients:
        assert await client.closed_with() == EVICTED
        await client.disconnect()
    assert looked == [sorted((room, client.channel) for client in clients for room in ("a", "b"))]


@both
async def test_the_code_of_an_eviction_is_the_classes_to_choose(chat: Any) -> None:
    class Polite(chat):
        presence_evict_code = 4000

    client = await client_of(Polite, "a")
    await Room.objects.aprune_presences(0)
    assert await client.closed_with() == 4000
    await client.disconnect()


async def test_an_eviction_of_a_socket_that_is_closed_already_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    """Both servers raise when something is sent to a socket that is gone."""
    caplog.set_level(logging.DEBUG, "projections._live.connection")
    client = await client_of(AsyncChat, "a")

    async def gone(message: Any) -> None:
        raise OSError("the client is gone")

    client.consumer._presence._send = gone
    await Room.objects.aprune_presences(0)
    await until(lambda: "could not be closed, and probably is" in caplog.text)
    await client.disconnect()
    assert {record.levelno for record in caplog.records} == {logging.DEBUG}


async def test_an_eviction_that_comes_while_the_client_disconnects_is_no_error() -> None:
    client = await client_of(AsyncChat, "a")
    connection = client.consumer._presence
    await Room.objects.aprune_presences(0)
    await client.disconnect()
    heart = heartbeat.of_running_loop()
    heart.notice(connection)
    await until(lambda: not heart._tasks)
    assert await happened() == ["join a", "prune a"]


@both
async def test_a_message_finds_out_that_the_connection_was_pruned_on_purpose(chat: Any) -> None:
    client = await client_of(chat, "a")
    await end_elsewhere("prune", "a", client)
    await client.say("touch_presence")
    assert await client.closed_with() == EVICTED
    await client.disconnect()
    assert await happened() == ["join a", "prune a"]


@both
async def test_a_message_heals_who_was_pruned_by_mistake(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data="here")
    await client("touch_presence", "busy")
    await client("join_room", "b", "what is said by joining again is not recorded")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await end_elsewhere("prune", "b", client)
    assert await client("touch_presence") == 2
    stays = [(stay.room_id, stay.user_id, stay.data) async for stay in Presence.objects.order_by("room")]
    assert stays == [("a", user.pk, "busy"), ("b", user.pk, "busy")]
    await client.disconnect()
    assert await happened() == [
        *["join a", "join b", "prune a", "prune b"],
        *["join a", "join b", "leave a", "leave b"],
    ]


@both
async def test_a_message_does_not_bring_back_who_was_made_to_leave(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere("leave", "a", client)
    assert await client("touch_presence") == 1
    assert await present() == [("b", client.channel)]
    await client.disconnect()


@both
async def test_who_left_and_joined_again_has_begun_anew(chat: Any) -> None:
    client = await client_of(chat, "a", data="first")
    await client("leave_room", "a")
    await client("join_room", "a", "second")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    assert await client("touch_presence") == 1
    assert (await Presence.objects.aget()).data == "second"
    await client.disconnect()


def test_a_mixin_behind_its_consumer_is_refused() -> None:
    with pytest.raises(TypeError, match="Backwards: the presence mixin has to stand in front"):

        class Backwards(AsyncWebsocketConsumer, AsyncPresenceMixin): ...


def test_a_mixin_of_the_other_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="Wrong: PresenceMixin is for sync consumers"):

        class Wrong(PresenceMixin, AsyncWebsocketConsumer): ...

    with pytest.raises(TypeError, match="AsyncPresenceMixin for async ones"):

        class WrongToo(AsyncPresenceMixin, WebsocketConsumer): ...


def test_a_mixin_may_be_extended_before_it_meets_a_consumer() -> None:
    class Extended(AsyncPresenceMixin): ...

    class Consumer(Extended, AsyncWebsocketConsumer): ...

    assert issubclass(Consumer, AsyncConsumer)


def test_importing_the_consumers_starts_nothing() -> None:
    """Neither the database nor the layer is there, and no event loop runs."""
    program = (
        "import django; from django.conf import settings;"
        "settings.configure(INSTALLED_APPS=['django.contrib.auth', 'django.contrib.contenttypes', 'pgtrigger',"
        "'presence_events', 'projections'], CHANNEL_LAYERS={'default': {'BACKEND': 'no.such.layer'}},"
        "DATABASES={'default': {'ENGINE': 'django.db.backends.postgresql', 'HOST': '/nowhere', 'NAME': 'none'}});"
        "django.setup(); import projections.consumers, projections.decorators, projections._live.heartbeat as h;"
        "assert not h.events_committed.has_listeners() or len(h.events_committed.receivers) == 1"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


async def test_a_touch_of_who_is_present_looks_for_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await client_of(AsyncChat, "a")
    monkeypatch.setattr(heartbeat, "endings", None)
    assert await client("touch_presence") == 1
    await client.disconnect()


@pytest.mark.parametrize("code", [1006, 3999, 5000])
def test_a_code_with_which_nothing_can_be_closed_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="4000 to 4999"):
        type("Chat", (AsyncPresenceMixin, AsyncWebsocketConsumer), {"presence_evict_code": code})
