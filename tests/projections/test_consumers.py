"""Consumers with a presence mixin."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest
from asgiref.current_thread_executor import CurrentThreadExecutor
from asgiref.sync import AsyncToSync, sync_to_async
from channels.consumer import AsyncConsumer
from channels.exceptions import InvalidChannelLayerError
from channels.generic.websocket import AsyncWebsocketConsumer, WebsocketConsumer
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError

from presence_events.exceptions import InvalidData, InvalidRoomName
from projections._live import async_connection, live_loop, sync_connection
from projections.consumers import EVICTED, AsyncPresenceMixin, PresenceMixin
from projections.managers import PresenceManager
from projections.models import Presence, Room
from tests.communicator import WebsocketCommunicator
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    Client,
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
async def test_touches_and_replaces_the_data_in_every_room(chat: Any) -> None:
    client = await client_of(chat, "a", "b", data="here")
    assert await client("touch_presence", "away") == 2
    assert [stay.data async for stay in Presence.objects.all()] == ["away", "away"]
    assert await client("touch_presence") == 2
    assert [stay.data async for stay in Presence.objects.all()] == ["away", "away"]
    await client.disconnect()


@both
async def test_data_of_a_client_that_breaks_a_limit_is_refused_and_the_consumer_goes_on(chat: Any) -> None:
    class Careful(chat):  # type: ignore[misc]
        async def receive_json(self, content: Any, **kwargs: Any) -> None:
            try:
                await super().receive_json(content, **kwargs)
            except InvalidData as error:
                await self.send_json(f"refused: {str(error)[-16:]}")

    class SyncCareful(chat):  # type: ignore[misc]
        def receive_json(self, content: Any, **kwargs: Any) -> None:
            try:
                super().receive_json(content, **kwargs)
            except InvalidData as error:
                self.send_json(f"refused: {str(error)[-16:]}")

    deep: Any = "deep"
    for _ in range(900):
        deep = [deep]
    client = await client_of(Careful if chat is AsyncChat else SyncCareful, "a", data="here")
    assert await client("touch_presence", deep) == "refused: the limit is 64."
    assert await client("join_room", "b", deep) == "refused: the limit is 64."
    assert await client("touch_presence", "away") == 1
    assert [stay.data async for stay in Presence.objects.all()] == ["away"]
    await client.disconnect()


@both
async def test_a_consumer_in_no_room_may_be_touched(chat: Any) -> None:
    client = await client_of(chat)
    assert await client("touch_presence", "away") == 0
    await client.disconnect()


@both
async def test_leaves_when_a_handler_raises(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.send("fail")
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
    """asgiref then leaves a context in which queries would run in a thread that executes none."""

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
    await client.send("touch_presence")
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    assert await happened() == ["join a", "leave a"]


@both
async def test_the_end_of_a_consumer_that_never_joined_runs_no_query(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*args: Any) -> int:
        raise AssertionError

    monkeypatch.setattr(PresenceManager, "aleave_all", asked)
    client = await client_of(chat)
    await client.disconnect()


@both
async def test_nothing_is_recorded_after_its_end(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.disconnect()
    for method, *arguments in (("join_room", "b"), ("touch_presence",), ("leave_room", "a")):
        call = getattr(client.consumer, method)
        await (call(*arguments) if chat is AsyncChat else sync_to_async(call)(*arguments))
    assert await happened(touches=True) == ["join a", "leave a"]


@both
async def test_a_leave_that_fails_is_logged_and_does_not_hide_the_error_of_the_consumer(
    chat: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*args: Any) -> int:
        raise DatabaseError("the database is unavailable")

    client = await client_of(chat, "a")
    monkeypatch.setattr(PresenceManager, "aleave_all", fail)
    await client.send("fail")
    with pytest.raises(OSError, match="the client is gone"):
        await client.communicator.wait()
    assert f"{client.channel} could not leave its rooms" in caplog.text
    assert "the database is unavailable" in caplog.text


@both
async def test_a_join_that_is_refused_changes_nothing(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client.send("join_room", "no such name!")
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
    async def afail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError

    def fail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(async_connection, "ajoin", afail)
    monkeypatch.setattr(sync_connection, "join", fail)


async def test_a_consumer_cancelled_during_a_join_leaves_no_presence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The join is held up. The consumer is cancelled. The join goes on, and the leave follows it."""
    begun, gate = asyncio.Event(), asyncio.Event()
    real = async_connection.ajoin

    async def held_up(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        await gate.wait()
        return await real(*args, **kwargs)

    client = await client_of(AsyncChat)
    monkeypatch.setattr(async_connection, "ajoin", held_up)
    await client.send("join_room", "a")
    await begun.wait()
    client.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    gate.set()
    with pytest.raises(asyncio.CancelledError):
        await client.communicator.future
    await until(lambda: not live_loop.current().drain._leaves)
    assert await happened() == ["join a", "leave a"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_sync_consumer_cancelled_during_a_join_leaves_no_presence(
    monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    """The join is held up in its thread. The consumer ends and leaves. The join goes on after that."""
    begun, ended = threading.Event(), threading.Event()
    real, real_leave = sync_connection.join, PresenceManager.aleave_all

    def held_up(*args: Any, **kwargs: Any) -> Any:
        begun.set()
        ended.wait(10)
        joined = real(*args, **kwargs)
        if fails:
            raise OSError("the channel layer is unavailable")
        return joined

    async def left_before(*args: Any) -> int:
        left = await real_leave(*args)
        ended.set()
        return left

    client = await client_of(SyncChat)
    monkeypatch.setattr(sync_connection, "join", held_up)
    monkeypatch.setattr(PresenceManager, "aleave_all", left_before)
    await client.send("join_room", "a")
    await until(begun.is_set)
    client.cancel()
    with pytest.raises((asyncio.CancelledError, OSError)):
        await client.communicator.future
    await sync_to_async(lambda: None)()  # the thread is done with the handler
    assert await happened() == ["join a", "leave a"]


@both
async def test_a_connection_pruned_on_purpose_by_this_process_is_closed_at_once(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    other = await client_of(chat, "c")
    assert await sync_to_async(Room(channel_name="a").prune_presences)(0) == 1
    assert await client.closed_with() == EVICTED == 4408
    await client.send("touch_presence")  # its answer is dropped
    assert await client.open_and_quiet()
    assert await other.open_and_quiet()
    await client.disconnect()
    await other.disconnect()
    assert await happened() == ["join a", "join b", "join c", "prune a", "leave b", "leave c"]


@both
async def test_a_class_may_choose_the_code_of_an_eviction(chat: Any) -> None:
    class Polite(chat):
        presence_evict_code = 4000

    client = await client_of(Polite, "a")
    await Room.objects.aprune_presences(0)
    assert await client.closed_with() == 4000
    await client.disconnect()


@both
async def test_a_message_evicts_a_connection_that_was_pruned_on_purpose(chat: Any) -> None:
    client = await client_of(chat, "a")
    await end_elsewhere("prune", "a", client)
    await client.send("touch_presence")
    assert await client.closed_with() == EVICTED
    await client.disconnect()
    assert await happened() == ["join a", "prune a"]


@both
async def test_a_message_heals_a_connection_that_was_pruned_by_mistake(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data="here")
    await client("touch_presence", "busy")
    await client("join_room", "b", "the data of a second join is not recorded")
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
async def test_a_connection_that_is_healed_is_hidden_as_before(chat: Any) -> None:
    class Hidden(chat):
        presence_hidden = True

    client = await client_of(Hidden, "a", data={"status": "here"})
    await client("touch_presence", {"status": "busy"})
    for hidden, status in ((True, "busy"), (False, "back")):
        client.consumer.presence_hidden = hidden
        await client("join_room", "a", {"status": "back"})
        await fall_silent(client)
        await end_elsewhere("prune", "a", client)
        assert await client("touch_presence") == 1
        presence = await Presence.objects.aget()
        assert (presence.is_hidden, presence.data["status"]) == (hidden, status)
    await client.disconnect()


@both
async def test_a_message_does_not_heal_a_connection_that_was_made_to_leave(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere("leave", "a", client)
    assert await client("touch_presence") == 1
    assert await present() == [("b", client.channel)]
    await client.disconnect()


@both
async def test_a_connection_that_left_and_joined_again_has_a_new_stay(chat: Any) -> None:
    client = await client_of(chat, "a", data="first")
    await client("leave_room", "a")
    await client("join_room", "a", "second")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    assert await client("touch_presence") == 1
    assert (await Presence.objects.aget()).data == "second"
    await client.disconnect()


@both
async def test_a_scope_without_a_user_is_a_warning_once_for_each_class(
    chat: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgotten(chat): ...

    class ForgottenToo(Forgotten): ...

    for consumer in (Forgotten, Forgotten, ForgottenToo):
        client = Client(consumer)
        del client.communicator.scope["user"]
        await client.connect()
        await client("join_room", "a")
        await client("join_room", "b")
        await client.disconnect()
    assert [record.getMessage().split()[0].rpartition(".")[2] for record in caplog.records] == [
        "Forgotten",
        "ForgottenToo",
    ]
    assert {record.name for record in caplog.records} == {"projections.connection"}
    assert "AuthMiddlewareStack" in caplog.text


@both
async def test_a_scope_with_an_anonymous_user_or_none_is_no_warning(
    chat: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for user in (None, AnonymousUser()):
        client = await client_of(chat, "a", user=user)
        await client.disconnect()
    assert caplog.records == []


PRESENCE = {"type": "presence", "members": ["ada"]}


@both
async def test_a_consumer_without_a_handler_sends_presence_to_its_client(chat: Any) -> None:
    client = await client_of(chat, "a")
    await get_channel_layer().group_send("a", PRESENCE)
    assert await client.communicator.receive_json_from() == PRESENCE
    await get_channel_layer().group_send("a", {"type": "presence.ended"})
    assert await client.open_and_quiet()
    await client.disconnect()


@pytest.mark.parametrize(
    ("mixin", "base"), [(AsyncPresenceMixin, AsyncWebsocketConsumer), (PresenceMixin, WebsocketConsumer)]
)
async def test_a_consumer_that_does_not_speak_json_ignores_presence(mixin: Any, base: Any) -> None:
    class Plain(mixin, base): ...

    communicator = WebsocketCommunicator(Plain.as_asgi(), "/")
    assert (await communicator.connect())[0]
    layer = get_channel_layer()
    (channel,) = layer.channels
    await layer.send(channel, PRESENCE)
    assert await communicator.receive_nothing(0.05)
    await communicator.disconnect()


@both
@pytest.mark.parametrize("is_inherited", [True, False])
async def test_the_handler_of_a_project_comes_first(chat: Any, is_inherited: bool) -> None:
    if chat is AsyncChat:

        class Handlers:
            async def presence(self, message: Any) -> None:
                await self.send_json("presence")  # type: ignore[attr-defined]

            async def presence_ended(self, message: Any) -> None:
                await self.send_json("ended")  # type: ignore[attr-defined]
    else:

        class Handlers:  # type: ignore[no-redef]
            def presence(self, message: Any) -> None:
                self.send_json("presence")  # type: ignore[attr-defined]

            def presence_ended(self, message: Any) -> None:
                self.send_json("ended")  # type: ignore[attr-defined]

    # As a base class behind the mixin, and in front of it.
    bases = (chat, type("Base", (Handlers,), {})) if is_inherited else (Handlers, chat)
    client = await client_of(type("Own", bases, {}), "a")
    await get_channel_layer().group_send("a", PRESENCE)
    await get_channel_layer().group_send("a", {"type": "presence.ended"})
    assert [await client.communicator.receive_json_from() for _ in range(2)] == ["presence", "ended"]
    await client.disconnect()


@both
async def test_without_a_channel_layer_presence_is_recorded(chat: Any, settings: Any, user: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    client, other = await client_of(chat, "a", "b", user=user), await client_of(chat, "a")
    assert client.channel != other.channel
    await client("leave_room", "b")
    assert await client("touch_presence", "busy") == 1
    await live_loop.current().database("default").regrouper.renew()
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await present() == sorted([("a", client.channel), ("a", other.channel)])
    await end_elsewhere("prune", "a", other)
    await beat()
    assert await other.closed_with() == EVICTED
    await client.disconnect()
    await other.disconnect()
    assert await present() == []


@both
async def test_a_consumer_on_a_layer_that_is_not_configured_is_refused(chat: Any) -> None:
    misspelt = type("Misspelt", (chat,), {"channel_layer_alias": "supprt"})
    with pytest.raises(InvalidChannelLayerError, match=r"'supprt' is not a layer .* Its layers: 'default'"):
        await client_of(misspelt, "a")
    assert await present() == []


def test_a_mixin_behind_its_consumer_is_refused() -> None:
    with pytest.raises(TypeError, match="Backwards: put the presence mixin in front"):

        class Backwards(AsyncWebsocketConsumer, AsyncPresenceMixin): ...


def test_a_mixin_of_the_other_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="Wrong: use PresenceMixin for sync consumers"):

        class Wrong(PresenceMixin, AsyncWebsocketConsumer): ...

    with pytest.raises(TypeError, match="AsyncPresenceMixin for async ones"):

        class WrongToo(AsyncPresenceMixin, WebsocketConsumer): ...


def test_a_mixin_may_be_extended_without_a_consumer() -> None:
    class Extended(AsyncPresenceMixin): ...

    class Consumer(Extended, AsyncWebsocketConsumer): ...

    assert issubclass(Consumer, AsyncConsumer)


@pytest.mark.parametrize("code", [1006, 3999, 5000])
def test_an_invalid_close_code_is_refused(code: int) -> None:
    with pytest.raises(ValueError, match="4000 to 4999"):
        type("Chat", (AsyncPresenceMixin, AsyncWebsocketConsumer), {"presence_evict_code": code})
