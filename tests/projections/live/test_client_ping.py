"""Consumers that ask their clients for signs of life."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from projections._live.background import BackgroundTasks
from projections._live.client_ping import PING, ClientPing
from projections.consumers import AsyncPresenceMixin
from projections.models import Presence
from tests.projections.live.mixed import CHATS, AsyncChat, Client, SyncChat, happened, present
from tests.waiting import until


class AsyncPinging(AsyncChat):
    presence_ping = True


class SyncPinging(SyncChat):
    presence_ping = True


both = pytest.mark.parametrize("chat", [AsyncPinging, SyncPinging])


class Connection:
    """Keeps what it is told to send. While ``blocked`` is set, sending never ends."""

    channel_name = "one"

    def __init__(self) -> None:
        self.heartbeat = True
        self.blocked = False
        self.sent: list[Any] = []

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if self.blocked:
            await asyncio.Event().wait()

    @property
    def pings(self) -> int:
        return self.sent.count({"type": "websocket.send", "text": PING})


class Ping:
    """A `ClientPing`, its connection, and the queue of what its client sends."""

    def __init__(self) -> None:
        self.connection: Any = Connection()
        self.client: asyncio.Queue[Any] = asyncio.Queue()
        self.tasks = BackgroundTasks()
        self.ping = ClientPing(self.connection, self.tasks, self.client.get)

    async def accept(self) -> None:
        await self.ping.send({"type": "websocket.accept"})


@pytest.fixture
async def ping(fast: None) -> Any:
    ping = Ping()
    yield ping
    ping.ping.stop()
    await until(lambda: not ping.tasks)


async def test_pings_from_the_accept_to_the_end(ping: Ping) -> None:
    await ping.ping.send({"type": "websocket.close"})
    assert ping.ping._timer is None
    await ping.accept()
    await ping.accept()
    await until(lambda: ping.connection.pings == 2)
    ping.ping.stop()
    assert ping.ping._timer is not None
    assert ping.ping._timer.cancelled()
    assert ping.connection.sent[1] == {"type": "websocket.accept"}


def test_a_consumer_that_never_accepts_has_nothing_to_stop() -> None:
    ClientPing(Any, BackgroundTasks(), Any).stop()


async def test_answers_do_not_reach_the_consumer_and_all_other_messages_do(ping: Ping) -> None:
    messages = [
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hello"},
        {"type": "websocket.receive", "bytes": PING.encode()},
        {"type": "websocket.disconnect", "code": 1000},
    ]
    for message in messages:
        ping.client.put_nowait({"type": "websocket.receive", "text": PING, "bytes": None})
        ping.client.put_nowait(message)
    assert [await ping.ping.receive() for _ in messages] == messages


async def test_vouches_while_the_client_sends_anything(ping: Ping) -> None:
    await ping.accept()
    await until(lambda: ping.connection.pings == 1)
    assert ping.connection.heartbeat, "the handshake was a sign of life"
    await until(lambda: ping.connection.pings == 2)
    assert not ping.connection.heartbeat
    ping.client.put_nowait({"type": "websocket.receive", "text": "hello"})
    await ping.ping.receive()
    await until(lambda: ping.connection.heartbeat)
    await until(lambda: not ping.connection.heartbeat)


async def test_a_client_that_does_not_read_is_sent_one_ping(ping: Ping) -> None:
    await ping.accept()
    ping.connection.blocked = True
    await until(lambda: not ping.connection.heartbeat)
    ping.client.put_nowait({"type": "websocket.connect"})
    await ping.ping.receive()
    await until(lambda: ping.connection.heartbeat)
    assert ping.connection.pings == 1


async def test_a_ping_to_a_closed_socket_is_no_error(ping: Ping, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(message: Any) -> None:
        raise OSError("the client is gone")

    await ping.accept()
    ping.connection.send = fail
    with caplog.at_level(logging.DEBUG, "projections.connection"):
        await until(lambda: len(caplog.records) >= 2)
    assert {record.getMessage() for record in caplog.records} == {
        "one could not be pinged, and is probably closed: OSError('the client is gone')"
    }
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


@both
@pytest.mark.django_db(transaction=True)
async def test_a_client_is_on_the_lease_while_it_answers_and_not_after_that(chat: Any, fast: None) -> None:
    client = Client(chat)
    assert (await client.communicator.connect(10))[0]
    await client.send("join_room", "a")
    for _ in range(6):
        message = await client.communicator.receive_output(10)
        if message["text"] == PING:
            await client.communicator.send_to(text_data=PING)
    assert await Presence.objects.filter(is_leased=True).aexists()
    assert await happened(touches=True) == ["join a"]
    async with asyncio.timeout(30):
        while await Presence.objects.filter(is_leased=True).aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await present() == [("a", client.consumer.channel_name)]
    assert await happened(touches=True) == ["join a", "touch a"]
    await client.disconnect()


@pytest.mark.parametrize("chat", CHATS)
def test_pings_are_off_unless_the_consumer_asks_for_them(chat: Any) -> None:
    assert not chat.presence_ping


def test_pings_without_heartbeats_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^Silent: presence_ping needs presence_heartbeat"):
        type("Silent", (AsyncPresenceMixin,), {"presence_ping": True, "presence_heartbeat": False})
