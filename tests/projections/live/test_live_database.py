"""The database of a stay is the database of its join, whatever runs later and in whatever context."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.core.management import call_command
from django.db import DatabaseError, connections

from presence_events.concurrency import in_thread
from presence_events.processes import registry
from projections._delivery import groups
from projections._live import live_loop
from projections._live.heartbeat import Heartbeat
from projections._live.stopwatch import Stopwatch
from projections.consumers import EVICTED
from projections.models import Presence, Room
from projections.signals import presence_changed
from projections.testing import age_presences
from tests import tenants
from tests.communicator import WebsocketCommunicator
from tests.projections.live.mixed import CHATS, AsyncChat, AsyncHandMade, Client, SyncChat, SyncHandMade
from tests.tenants import TENANTS, of_tenant, tenant
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


class AsyncSwitching(AsyncChat):
    async def switch(self, alias: str) -> None:
        tenant.set(alias)


class SyncSwitching(SyncChat):
    def switch(self, alias: str) -> None:
        tenant.set(alias)


switching = pytest.mark.parametrize("chat", [AsyncSwitching, SyncSwitching])
hand_made = pytest.mark.parametrize("chat", [AsyncHandMade, SyncHandMade])


@pytest.fixture(autouse=True)
def _tenants(transactional_db: None, settings: Any) -> Iterator[None]:
    with tenants.databases():
        settings.DATABASE_ROUTERS = ["tests.tenants.TenantRouter"]
        yield


async def client_of(alias: str, consumer_class: Any, *rooms: str, data: Any = None) -> Client:
    """Returns a client of the tenant ``alias``. Its consumer has joined ``rooms``."""
    client = Client(consumer_class)
    client.communicator = WebsocketCommunicator(of_tenant(alias, client.consumer), "/")
    client.communicator.scope["user"] = None
    await client.connect()
    for room in rooms:
        await client("join_room", room, data)
    return client


async def beat(alias: str) -> None:
    here = live_loop.current().database(alias)
    assert await in_thread(registry.registration(asyncio.get_running_loop(), alias).beat)
    await here.reviewer.review(await here.heartbeat.compare())


@sync_to_async
def present() -> dict[str, list[str]]:
    """Returns the rooms of all presences, by database."""
    return {
        alias: sorted(Presence.objects.using(alias).values_list("room_id", flat=True))
        for alias in ("default", *TENANTS)
    }


@sync_to_async
def events(alias: str) -> list[str]:
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT kind || ' ' || room FROM presence_event WHERE room <> '' ORDER BY id")
        return [event for (event,) in cursor.fetchall()]


@database_sync_to_async
def end_elsewhere(alias: str, kind: str, room: str, client: Client) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)", [kind, room, client.channel]
        )


@both
async def test_joins_heartbeats_and_leaves_are_recorded_in_the_database_of_the_tenant(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    await beat("acme")
    assert await client("touch_presence", "busy") == 1
    assert await present() == {"default": [], "acme": ["a"], "blue": []}
    await client.disconnect()
    assert await present() == {"default": [], "acme": [], "blue": []}
    assert await events("acme") == ["join a", "touch a", "leave a"]


@both
async def test_each_database_has_one_comparison_after_each_beat(chat: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    statements: list[str] = []
    real = Heartbeat._query

    async def listed(self: Heartbeat, name: str) -> Any:
        statements.append(self._using)
        return await real(self, name)

    monkeypatch.setattr(Heartbeat, "_query", listed)
    clients = [await client_of(alias, chat, "a", "b") for alias in (*TENANTS, *TENANTS)]
    for alias in TENANTS:
        await beat(alias)
    assert statements == [*TENANTS]
    for client in clients:
        await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_database_that_is_unavailable_does_not_delay_the_heartbeats_of_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beats: list[str] = []
    real = Heartbeat._query

    async def failing(self: Heartbeat, name: str) -> Any:
        if self._using == "acme":
            raise DatabaseError("unavailable")
        beats.append(self._using)
        return await real(self, name)

    monkeypatch.setattr(Heartbeat, "_query", failing)
    clients = [await client_of(alias, AsyncChat, "a") for alias in TENANTS]
    await until(lambda: len(beats) >= 3 and "Could not compare the connections" in caplog.text)
    for client in clients:
        await client.disconnect()


@both
async def test_a_connection_is_healed_in_its_database(chat: Any) -> None:
    client = await client_of("acme", chat, "a", data="here")
    for heal in (lambda: beat("acme"), lambda: client("touch_presence")):
        connection = client.consumer._presence
        await fall_silent_in("acme", client)
        await end_elsewhere("acme", "prune", "a", client)
        await heal()
        assert [stay.using for stay in connection.stays()] == ["acme"]
        assert await present() == {"default": [], "acme": ["a"], "blue": []}
    await client.disconnect()


async def fall_silent_in(alias: str, client: Client) -> None:
    """Lets 61 seconds pass without a sign of life, for the database and for this process."""
    await sync_to_async(age_presences)(61, using=alias, channel_name=client.channel)
    connection = client.consumer._presence
    connection.mark_seen(connection.stays(), Stopwatch(ago=61))


@both
async def test_a_connection_pruned_on_purpose_in_its_database_is_closed(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    other = await client_of("blue", chat, "a")
    await Room.objects.db_manager("acme").aprune_presences(0)
    assert await client.closed_with() == EVICTED
    assert await other.open_and_quiet()
    await client.disconnect()
    await other.disconnect()


@switching
async def test_a_connection_that_joins_in_two_databases_leaves_both(chat: Any) -> None:
    client = await client_of("acme", chat, "a", "b")
    await client("switch", "blue")
    await client("join_room", "a")
    assert await client("touch_presence") == 3
    assert await present() == {"default": [], "acme": ["a", "b"], "blue": ["a"]}
    await beat("acme")
    await beat("blue")
    await client("leave_room", "b")
    assert await present() == {"default": [], "acme": ["a"], "blue": ["a"]}
    await client.disconnect()
    assert await present() == {"default": [], "acme": [], "blue": []}


@switching
async def test_a_room_of_the_same_name_is_left_in_both_databases(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    await client("switch", "blue")
    await client("join_room", "a")
    await client("leave_room", "a")
    assert await present() == {"default": [], "acme": [], "blue": []}
    await client.disconnect()


@hand_made
async def test_decorators_record_in_the_database_of_the_join(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    await client("switch", "blue")
    await client("nothing")
    await client("nothing")
    assert await events("acme") == ["join a", "touch a", "touch a", "touch a"]
    await client.disconnect()
    assert await present() == {"default": [], "acme": [], "blue": []}
    assert await events("blue") == []


@hand_made
async def test_a_decorated_consumer_that_fails_leaves_in_the_database_of_the_join(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    await client("switch", "blue")
    await client.send("fail")
    with pytest.raises(OSError, match="a handler with a bug"):
        await client.communicator.wait()
    assert await present() == {"default": [], "acme": [], "blue": []}


@hand_made
async def test_a_decorated_connection_is_healed_in_the_database_of_the_join(chat: Any) -> None:
    client = await client_of("acme", chat, "a")
    await client("switch", "blue")
    await end_elsewhere("acme", "prune", "a", client)
    await client("nothing")
    assert await present() == {"default": [], "acme": ["a"], "blue": []}
    await client.disconnect()
    assert await present() == {"default": [], "acme": [], "blue": []}


@hand_made
async def test_a_decorated_connection_that_joined_nothing_uses_the_database_of_the_routers(chat: Any) -> None:
    client = await client_of("acme", chat)
    await Room.objects.db_manager("acme").aadd("a", client.channel)
    await client("nothing")
    await client.disconnect()
    assert await events("acme") == ["join a", "touch a", "leave a"]


async def test_the_server_process_is_registered_in_each_database_that_it_has_connections_in() -> None:
    client = await client_of("acme", AsyncChat, "a")

    @sync_to_async
    def processes() -> list[int]:
        counts = []
        for alias in ("default", *TENANTS):
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT count(*) FROM presence_process")
                counts.append(cursor.fetchone()[0])
        return counts

    async with asyncio.timeout(30):
        while await processes() != [0, 1, 0]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await client.disconnect()


async def test_a_receiver_runs_without_the_context_and_finds_the_database_in_the_room(
    settings: Any,
) -> None:
    settings.DATABASE_ROUTERS = ["tests.tenants.LenientRouter"]
    received: list[Any] = []

    def receive(sender: Any, room: Any, **kwargs: Any) -> None:
        received.append((room._state.db, room.presence_set.count()))

    presence_changed.connect(receive)
    try:
        client = await client_of("acme", AsyncChat, "a")
    finally:
        presence_changed.disconnect(receive)
    assert received == [("acme", 1)]
    await client.disconnect()


def test_a_discard_that_failed_is_compared_with_the_database_of_its_stay(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection is present in another database, where it is in another room of that name."""
    for alias in TENANTS:
        Room.objects.db_manager(alias).add("a", "channel")

    async def fail(group: str, channel: str) -> None:
        raise ConnectionError("unavailable")

    with monkeypatch.context() as patch, caplog.at_level("CRITICAL"):
        patch.setattr(get_channel_layer(), "group_discard", fail)
        Presence.objects.db_manager("acme").leave_all("channel")
    assert groups.take_pending_discards("blue") == set()
    assert groups.take_pending_discards("acme") == {("a", "channel")}


def test_each_database_has_a_worker_of_its_own(settings: Any) -> None:
    for alias in TENANTS:
        Room.objects.db_manager(alias).add("a", "channel")
        Presence.objects.db_manager(alias).leave_all("channel")
    call_command("run_projector", "--once", "--prune", database="acme", verbosity=0)
    assert not Room.objects.using("acme").exists()
    call_command("prune_rooms", database="blue", verbosity=0)
    assert not Room.objects.using("blue").exists()


def test_a_coroutine_in_synchronous_code_records_in_the_transaction_of_its_caller() -> None:
    """It may be rolled back, so it is not noted as a join of this process."""
    async_to_sync(Room.objects.db_manager("acme").aadd)("a", "channel")
    assert Presence.objects.using("acme").count() == 1
