"""A server process that prunes while it runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import get_channel_layer
from django.core.signals import request_started
from django.db import OperationalError, connection

from presence_events.models import PresenceEvent
from presence_events.processes import names, registry
from projections._worker import in_server
from projections._worker.in_server import InServer
from projections.models import Presence, Process, Room
from projections.signals import presence_changed
from tests.leases import beat
from tests.time import age_presences
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that is not a test process, and prunes."""
    monkeypatch.setattr(in_server, "is_test_database", lambda connection: False)
    in_server.connect()
    yield
    in_server.disconnect()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The databases that a loop prunes in, instead of pruning."""
    databases: list[str] = []
    monkeypatch.setattr(in_server, "InServer", lambda using: SimpleNamespace(start=lambda: databases.append(using)))
    return databases


def ended_name() -> str:
    """The name of a process of this machine that has ended."""
    host, _, origin, random = names.new_name().split(":")
    return f"{host}:999999999:{origin}:{random}"


def left_by(process: str, channel: str) -> None:
    """Lets ``process`` claim a connection and end."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'room', %s, %s)",
            [channel, process],
        )
    beat(process)


def present() -> list[str]:
    return sorted(Presence.objects.values_list("channel_name", flat=True))


async def test_a_step_ends_what_ended_processes_of_this_machine_left(signals: list[dict[str, Any]]) -> None:
    ended, running, elsewhere = ended_name(), names.new_name(), "host:999999999:abc"
    for process, channel in ((ended, "ghost"), (running, "live"), (elsewhere, "far")):
        await sync_to_async(left_by)(process, channel)
    await InServer("default").step()
    assert await sync_to_async(present)() == ["far", "live"]
    assert {name async for name in Process.objects.values_list("name", flat=True)} == {running, elsewhere}
    (signal,) = signals
    assert [(event.channel_name, event.data["process"]) for event in signal["events"]] == [("ghost", ended)]


async def test_a_step_prunes_silent_connections_and_empty_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_server, "ROOM_PRUNE_INTERVAL", 0)
    for room, channel in (("full", "live"), ("empty", "silent")):
        await sync_to_async(Room.objects.add)(room, channel)
    await sync_to_async(age_presences)("silent", seconds=100)
    await InServer("default").step()
    assert await sync_to_async(present)() == ["live"]
    assert [room.pk async for room in Room.objects.all()] == ["full"]


async def test_the_first_step_keeps_empty_rooms_into_which_clients_may_come_back() -> None:
    jobs = InServer("default")
    await Room.objects.aadd("room", "channel")
    await Room.objects.aremove("room", "channel")
    await jobs.step()
    assert await Room.objects.acount() == 1


async def test_after_a_pause_the_first_step_leaves_silent_connections_to_the_heartbeat() -> None:
    await sync_to_async(Room.objects.add)("room", "silent")
    await sync_to_async(age_presences)("silent", seconds=100)
    jobs = InServer("default")
    await jobs.step(is_late=True)
    assert await sync_to_async(present)() == ["silent"]
    await jobs.step()
    assert await sync_to_async(present)() == []


async def test_a_prune_reaches_the_groups_and_receivers_of_the_loop() -> None:
    layer: Any = get_channel_layer()
    watcher = await layer.new_channel()

    def broadcast(room: Any, **kwargs: Any) -> None:
        async_to_sync(get_channel_layer().group_send)(room.channel_name, {"type": "presence"})

    await Room.objects.aadd("room", "ghost")
    await Room.objects.aadd("room", watcher)
    await sync_to_async(age_presences)("ghost", seconds=100)
    presence_changed.connect(broadcast)
    try:
        await InServer("default").step()
        assert (await asyncio.wait_for(layer.receive(watcher), 30))["type"] == "presence"
    finally:
        presence_changed.disconnect(broadcast)
    assert list(layer.groups["room"]) == [watcher]


async def test_it_goes_on_silently_after_a_step_that_failed(
    connected: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = [OperationalError("the database is starting"), None, None]
    is_late: list[bool] = []
    monkeypatch.setattr(in_server, "prune_interval", lambda: 0.001 if len(is_late) < 4 else 3600)

    async def step(self: InServer, **kwargs: bool) -> None:
        is_late.append(kwargs["is_late"])
        if outcomes and (error := outcomes.pop(0)):
            raise error

    monkeypatch.setattr(InServer, "step", step)
    with caplog.at_level(logging.INFO):
        await Room.objects.aadd("room", "channel")
        await until(lambda: len(is_late) == 4)
    assert not caplog.records
    assert not is_late[0]


async def test_it_begins_with_the_first_claimed_join(connected: None, started: list[str]) -> None:
    await Room.objects.aadd("room", "one")
    await Room.objects.aadd("room", "two")
    assert started == ["default"]


async def test_it_begins_with_the_first_claimed_join_of_a_synchronous_consumer(
    connected: None, started: list[str]
) -> None:
    await sync_to_async(Room.objects.add)("room", "one")
    await until(lambda: started == ["default"])


async def test_it_begins_with_the_first_request(connected: None, started: list[str]) -> None:
    await request_started.asend(sender=None, scope={})
    await until(lambda: started == ["default"])


async def test_other_events_do_not_begin_it(connected: None, started: list[str]) -> None:
    registration = registry.registration(asyncio.get_running_loop(), "default")
    registration._may_claim = False
    await Room.objects.aadd("room", "one")
    await Room.objects.aremove("room", "one")
    in_server._start("default")
    assert started == []


def test_code_without_a_long_running_loop_does_not_begin_it(connected: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_server, "InServer", None)
    request_started.send(sender=None)
    Room.objects.add("room", "one")
    async_to_sync(Room.objects.aadd)("room", "two")
    assert PresenceEvent.objects.count() == 2


async def test_a_loop_that_is_closed_meanwhile_is_no_error(connected: None, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    monkeypatch.setattr(in_server, "sending_loop", lambda: closed)
    await request_started.asend(sender=None, scope={})
    event = PresenceEvent(kind="join", process="one")
    await sync_to_async(in_server._on_commit)([event], "default")


async def test_a_test_process_does_not_prune(started: list[str]) -> None:
    in_server.connect()
    try:
        await Room.objects.aadd("room", "one")
        assert started == []
    finally:
        in_server.disconnect()
