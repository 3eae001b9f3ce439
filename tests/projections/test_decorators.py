"""The decorators on consumers of Channels, through its test communicator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from inspect import iscoroutinefunction
from typing import Any

import pytest
from asgiref.current_thread_executor import CurrentThreadExecutor
from asgiref.sync import AsyncToSync
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)
from channels.layers import get_channel_layer

from presence_events.models import PresenceEvent
from projections.consumers import AsyncPresenceMixin, PresenceMixin
from projections.decorators import remove_presence, touch_presence
from projections.managers import PresenceManager
from projections.models import Presence, Room
from tests.communicator import WebsocketCommunicator

pytestmark = pytest.mark.django_db(transaction=True)


class SyncEcho(WebsocketConsumer):
    def connect(self) -> None:
        Room.objects.add("room", self.channel_name)
        super().connect()

    @touch_presence
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data, bytes_data)

    @remove_presence
    def disconnect(self, code: int) -> None:
        """Nothing more to do."""


class AsyncEcho(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await Room.objects.aadd("room", self.channel_name)
        await super().connect()

    @touch_presence
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data, bytes_data)

    @remove_presence
    async def disconnect(self, code: int) -> None:
        """Nothing more to do."""


class SyncJsonEcho(JsonWebsocketConsumer):
    def connect(self) -> None:
        Room.objects.add("room", self.channel_name)
        super().connect()

    @touch_presence
    def receive_json(self, content: Any, **kwargs: Any) -> None:
        self.send_json(content)


class AsyncJsonEcho(AsyncJsonWebsocketConsumer):
    async def connect(self) -> None:
        await Room.objects.aadd("room", self.channel_name)
        await super().connect()

    @touch_presence
    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        await self.send_json(content)


async def _connect(consumer: Any) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(consumer.as_asgi(), "/")
    assert (await communicator.connect())[0]
    return communicator


async def _kinds() -> list[str]:
    return [event.kind async for event in PresenceEvent.objects.of_rooms().order_by("id")]


@pytest.mark.parametrize("consumer", [SyncEcho, AsyncEcho])
async def test_text_and_bytes_touch_and_reach_the_handler(consumer: Any) -> None:
    communicator = await _connect(consumer)
    await communicator.send_to(text_data="hello")
    assert await communicator.receive_from() == "hello"
    await communicator.send_to(bytes_data=b"\x00\x01")
    assert await communicator.receive_from() == b"\x00\x01"
    assert await _kinds() == ["join", "touch", "touch"]
    await communicator.disconnect()


@pytest.mark.parametrize("consumer", [SyncEcho, AsyncEcho, SyncJsonEcho, AsyncJsonEcho])
async def test_a_heartbeat_touches_and_ends_there(consumer: Any) -> None:
    communicator = await _connect(consumer)
    await communicator.send_to(text_data='"heartbeat"')
    await communicator.send_to(text_data='"other"')
    assert await communicator.receive_from() == '"other"'
    assert await _kinds() == ["join", "touch", "touch"]
    await communicator.disconnect()


@pytest.mark.parametrize("consumer", [SyncEcho, AsyncEcho])
async def test_disconnecting_leaves_every_room(consumer: Any) -> None:
    communicator = await _connect(consumer)
    channel = (await Presence.objects.aget()).channel_name
    await Room.objects.aadd("other", channel)
    await communicator.disconnect()
    assert await _kinds() == ["join", "join", "leave", "leave"]


@pytest.mark.parametrize(
    ("arguments", "keywords", "handled"),
    [
        (('"heartbeat"',), {}, False),
        ((), {"text_data": '"heartbeat"'}, False),
        (("heartbeat",), {}, True),
        (("text",), {}, True),
        ((), {"text_data": None, "bytes_data": b'"heartbeat"'}, True),
        ((), {}, True),
    ],
)
def test_the_literal_is_recognised_by_position_and_by_keyword(arguments: Any, keywords: Any, handled: bool) -> None:
    called: list[Any] = []

    @touch_presence
    def receive(consumer: Any, *args: Any, **kwargs: Any) -> str:
        called.append((args, kwargs))
        return "answer"

    class Consumer:
        channel_name = "channel"

    assert receive(Consumer(), *arguments, **keywords) == ("answer" if handled else None)
    assert called == ([(arguments, keywords)] if handled else [])


@pytest.mark.parametrize("decorator", [touch_presence, remove_presence])
def test_a_handler_keeps_its_name_and_its_kind(decorator: Callable[..., Any]) -> None:
    class Consumer:
        @decorator
        async def handler(self) -> None:
            """Docs."""

    assert iscoroutinefunction(Consumer.handler)
    assert (Consumer.handler.__name__, Consumer.handler.__doc__) == ("handler", "Docs.")


class SyncFailing(SyncEcho):
    """Ends like a consumer whose client disconnected while a message was sent to it."""

    def tell(self, message: Any) -> None:
        raise OSError("the client is gone")

    @remove_presence
    def disconnect(self, code: int) -> None:
        """Never called."""


class AsyncFailing(AsyncEcho):
    async def tell(self, message: Any) -> None:
        raise OSError("the client is gone")

    async def __call__(self, *args: Any) -> None:
        await super().__call__(*args)

    @remove_presence
    async def disconnect(self, code: int) -> None:
        """Never called."""


@pytest.mark.parametrize("consumer", [SyncFailing, AsyncFailing])
async def test_a_consumer_that_ends_without_a_disconnect_leaves(consumer: Any) -> None:
    communicator = await _connect(consumer)
    channel = (await Presence.objects.aget()).channel_name
    await get_channel_layer().send(channel, {"type": "tell"})
    with pytest.raises(OSError, match="the client is gone"):
        await communicator.wait()
    assert await _kinds() == ["join", "leave"]


async def test_a_consumer_that_is_cancelled_leaves() -> None:
    communicator = await _connect(AsyncEcho)
    await communicator.send_to(text_data="hello")
    await communicator.receive_from()
    communicator.stop(exceptions=False)
    with pytest.raises(asyncio.CancelledError):
        await communicator.future
    assert await _kinds() == ["join", "touch", "leave"]


async def test_a_consumer_that_is_cancelled_as_its_thread_returns_from_the_loop_leaves() -> None:
    """asgiref then leaves a context in which queries would run in a thread that executes none."""

    class Unlucky(SyncEcho):
        async def dispatch(self, message: Any) -> None:
            if message["type"] == "websocket.receive":
                executor, done = CurrentThreadExecutor(None), Future[None]()
                done.set_result(None)
                executor.run_until_future(done)
                AsyncToSync.executors.current = executor
                raise asyncio.CancelledError
            await super().dispatch(message)

        @remove_presence
        def disconnect(self, code: int) -> None:
            """Never called."""

    communicator = await _connect(Unlucky)
    await communicator.send_to(text_data="hello")
    with pytest.raises(asyncio.CancelledError):
        await communicator.future
    assert await _kinds() == ["join", "leave"]


async def test_disconnecting_is_one_statement_and_not_two(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    leave_all = PresenceManager.aleave_all

    async def counted(manager: Any, channel: str) -> int:
        asked.append(channel)
        return await leave_all(manager, channel)

    monkeypatch.setattr(PresenceManager, "aleave_all", counted)
    communicator = await _connect(AsyncEcho)
    await communicator.disconnect()
    assert len(asked) == 1


async def test_without_a_channel_layer_there_is_nothing_to_leave(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}

    class Bare(AsyncWebsocketConsumer):
        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            raise OSError("the client is gone")

        @remove_presence
        async def disconnect(self, code: int) -> None:
            """Never called."""

    communicator = await _connect(Bare)
    await communicator.send_to(text_data="hello")
    with pytest.raises(OSError, match="the client is gone"):
        await communicator.wait()


class AsyncWithoutLayer(AsyncWebsocketConsumer):
    receive = AsyncEcho.receive
    disconnect = AsyncEcho.disconnect


class SyncWithoutLayer(WebsocketConsumer):
    receive = SyncEcho.receive
    disconnect = SyncEcho.disconnect


@pytest.mark.parametrize("consumer", [AsyncWithoutLayer, SyncWithoutLayer])
async def test_without_a_channel_layer_there_is_nothing_to_touch(consumer: Any, settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    communicator = await _connect(consumer)
    await communicator.send_to(text_data="hello")
    assert await communicator.receive_from() == "hello"
    await communicator.disconnect()
    assert await _kinds() == []


def test_leaving_happens_even_if_the_handler_raises() -> None:
    @remove_presence
    def disconnect(consumer: Any, code: int) -> None:
        raise RuntimeError

    class Consumer:
        channel_name = "channel"

    Room.objects.add("room", "channel")
    with pytest.raises(RuntimeError):
        disconnect(Consumer(), 1000)
    assert not Presence.objects.exists()


async def test_remove_presence_works_under_other_decorators_and_twice() -> None:
    class Stacked(AsyncEcho):
        @touch_presence
        @remove_presence
        @remove_presence
        async def disconnect(self, code: int) -> None:
            """Nothing more to do."""

    communicator = await _connect(Stacked)
    await communicator.disconnect()
    assert await _kinds() == ["join", "touch", "leave"]


async def test_remove_presence_may_be_assigned_to_a_class() -> None:
    class Assigned(AsyncEcho): ...

    async def disconnect(self: Any, code: int) -> None:
        """Nothing more to do."""

    Assigned.disconnect = remove_presence(disconnect)  # type: ignore[method-assign]
    communicator = await _connect(Assigned)
    await communicator.disconnect()
    assert await _kinds() == ["join", "leave"]


async def test_a_connection_that_left_in_another_handler_and_joined_again_leaves_at_the_end() -> None:
    class Restless(AsyncEcho):
        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            await self.pause()
            await Room.objects.aadd("room", self.channel_name)
            raise OSError("the client is gone")

        @remove_presence
        async def pause(self) -> None:
            """Leaves, and lets the connection join again."""

    communicator = await _connect(Restless)
    await communicator.send_to(text_data="pause")
    with pytest.raises(OSError, match="the client is gone"):
        await communicator.wait()
    assert await _kinds() == ["join", "leave", "join", "leave"]


class SyncThrottled(SyncEcho):
    @touch_presence(every=10)
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data, bytes_data)


class AsyncThrottled(AsyncEcho):
    @touch_presence(every=10)
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data, bytes_data)


class SyncMixed(PresenceMixin, WebsocketConsumer):
    def connect(self) -> None:
        self.join_room("room")
        super().connect()

    @touch_presence(every=10)
    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        self.send(text_data, bytes_data)


class AsyncMixed(AsyncPresenceMixin, AsyncWebsocketConsumer):
    async def connect(self) -> None:
        await self.join_room("room")
        await super().connect()

    @touch_presence(every=10)
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data, bytes_data)


@pytest.mark.parametrize("consumer", [SyncThrottled, AsyncThrottled, SyncMixed, AsyncMixed])
async def test_touches_may_be_throttled_for_each_connection(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("projections.decorators.monotonic", lambda: now)
    one, other = await _connect(consumer), await _connect(consumer)
    for client in (one, one, other):
        await client.send_to(text_data="hello")
        assert await client.receive_from() == "hello"
    assert await _kinds() == ["join", "join", "touch", "touch"]
    now += 9.9
    await one.send_to(text_data='"heartbeat"')  # throttled, and still not handled
    await one.send_to(text_data="hello")
    assert await one.receive_from() == "hello"
    assert await _kinds() == ["join", "join", "touch", "touch"]
    now += 0.1
    await one.send_to(text_data="hello")
    await one.receive_from()
    assert await _kinds() == ["join", "join", "touch", "touch", "touch"]
    await one.disconnect()
    await other.disconnect()


async def test_a_throttled_touch_runs_no_query(monkeypatch: pytest.MonkeyPatch) -> None:
    communicator = await _connect(AsyncThrottled)
    await communicator.send_to(text_data="hello")
    await communicator.receive_from()
    with monkeypatch.context() as patched:
        patched.setattr(Presence, "objects", None)
        await communicator.send_to(text_data="hello")
        assert await communicator.receive_from() == "hello"
    await communicator.disconnect()


@pytest.mark.parametrize("consumer", [SyncMixed, AsyncMixed])
async def test_a_touch_goes_through_the_consumer_if_it_heals(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    touched: list[Any] = []
    real = consumer.touch_presence
    monkeypatch.setattr(consumer, "touch_presence", lambda self: (touched.append(self), real(self))[1])
    communicator = await _connect(consumer)
    await communicator.send_to(text_data="hello")
    await communicator.receive_from()
    assert len(touched) == 1
    assert await _kinds() == ["join", "touch"]
    await communicator.disconnect()


@pytest.mark.parametrize("every", [-1, float("nan"), float("inf"), "10", None, True])
def test_a_throttle_that_is_not_a_number_of_seconds_is_refused(every: Any) -> None:
    with pytest.raises(ValueError, match=r"touch_presence\(every=\.\.\.\) takes a number of seconds, zero or more"):
        touch_presence(every=every)


def test_a_throttle_without_its_name_is_refused() -> None:
    with pytest.raises(TypeError, match="did you mean every=10"):
        touch_presence(10)  # type: ignore[call-overload]


async def test_a_consumer_that_has_not_begun_has_nothing_to_leave() -> None:
    class Refuses(AsyncWebsocketConsumer):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            """Channels has not given it a channel yet."""

        @remove_presence
        async def disconnect(self, code: int) -> None: ...

    await Refuses()({}, None, None)
    assert not await PresenceEvent.objects.aexists()
