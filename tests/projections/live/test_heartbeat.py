"""The heartbeat: its touches, its timer, and what follows it."""

from __future__ import annotations

import asyncio
import time
from contextvars import ContextVar
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from presence_events.models import PresenceEvent
from projections._live import heartbeat, live_loop
from projections._live.heartbeat import Heartbeat
from projections._live.missing_stays import Missing, Reviewer, log_failure
from projections.models import Room
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    AsyncSelfReliant,
    SyncChat,
    beat,
    client_of,
    happened,
    in_group,
    present,
)
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


async def test_a_heartbeat_touches_all_connections_in_rooms_in_one_statement(recorded: list[Any]) -> None:
    clients = [
        await client_of(AsyncChat, "a", "b"),
        await client_of(SyncChat, "a"),
        await client_of(AsyncSelfReliant, "a"),
        await client_of(AsyncChat),
    ]
    gone = await client_of(AsyncChat, "c")
    await gone("leave_room", "c")
    await beat()
    assert len(recorded) == 1
    touched = PresenceEvent.objects.filter(kind="touch").values_list("room", "channel_name")
    assert sorted([touch async for touch in touched]) == sorted(
        [("a", clients[0].channel), ("b", clients[0].channel), ("a", clients[1].channel)]
    )
    for client in [*clients, gone]:
        await client.disconnect()


async def test_a_heartbeat_without_a_connection_in_a_room_records_nothing(recorded: list[Any]) -> None:
    client = await client_of(AsyncChat, "a")
    await client("leave_room", "a")
    await beat()
    assert recorded == []
    await client.disconnect()


async def test_a_room_that_the_consumer_did_not_join_is_not_touched() -> None:
    client = await client_of(AsyncChat, "a")
    await Room.objects.aadd("b", client.channel)
    await beat()
    assert [event.room async for event in PresenceEvent.objects.filter(kind="touch")] == ["a"]
    await client.disconnect()


@both
@pytest.mark.usefixtures("fast")
async def test_the_heartbeat_repeats_while_there_is_a_connection_and_then_stops(chat: Any, recorded: list[Any]) -> None:
    here = live_loop.current().database("default")
    client = await client_of(chat)
    assert here.heartbeat._timer is None
    await client("join_room", "a")
    await until(lambda: len(recorded) >= 2)
    await client.disconnect()
    await until(lambda: here.heartbeat._timer is None and here.heartbeat._task is None)
    assert not here.registry._connections


@pytest.mark.usefixtures("fast")
async def test_the_heartbeat_starts_again_with_the_next_connection(recorded: list[Any]) -> None:
    for _ in range(2):
        client = await client_of(AsyncChat, "a")
        recorded.clear()
        await until(lambda: recorded)
        await client.disconnect()


async def test_the_interval_follows_the_setting(settings: Any) -> None:
    client = await client_of(AsyncChat, "a")
    timer = live_loop.current().database("default").heartbeat._timer
    assert timer is not None
    assert 10 < timer.when() - asyncio.get_running_loop().time() <= 20
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_heartbeat_that_fails_is_logged_and_retried(
    recorded: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    working = heartbeat.arecord_quietly

    async def failing(selection: Any, using: str) -> Any:
        raise DatabaseError("the database is unavailable")

    client = await client_of(AsyncChat, "a")
    with monkeypatch.context() as patched:
        patched.setattr(heartbeat, "arecord_quietly", failing)
        await until(lambda: caplog.text.count("The heartbeat of 1 connections failed") >= 2)
    assert heartbeat.arecord_quietly is working
    assert "the database is unavailable" in caplog.text
    recorded.clear()
    await until(lambda: recorded)
    await client.disconnect()


async def test_the_retry_delay_is_shorter_than_the_interval(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    beats: list[float] = []

    async def fail(self: Heartbeat) -> Any:
        beats.append(time.monotonic())
        settings.CHANNELS_PRESENCE_MAX_AGE = 3600
        raise DatabaseError("unavailable")

    monkeypatch.setattr(Heartbeat, "touch_all", fail)
    client = await client_of(AsyncChat, "a")
    await until(lambda: len(beats) >= 2)
    assert beats[1] - beats[0] < 60
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_heartbeats_do_not_run_in_the_context_of_the_first_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    request: ContextVar[str] = ContextVar("request", default="empty")
    seen: list[str] = []
    real = Heartbeat.touch_all

    async def touch_all(self: Heartbeat) -> Any:
        seen.append(request.get())
        return await real(self)

    class First(AsyncChat):
        async def join_room(self, *args: Any) -> None:
            request.set("the first consumer's")
            await super().join_room(*args)

    monkeypatch.setattr(Heartbeat, "touch_all", touch_all)
    client = await client_of(First, "a")
    await until(lambda: len(seen) >= 2)
    assert set(seen) == {"empty"}
    await client.disconnect()


def test_a_loop_that_ends_during_a_heartbeat_logs_nothing(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A heartbeat is in progress when the tasks of the loop are cancelled."""
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.3
    begun: list[bool] = []

    async def main() -> None:
        client = await client_of(AsyncChat, "a")

        async def endless() -> None:
            begun.append(True)
            await asyncio.Event().wait()

        live_loop.current().database("default").heartbeat.touch_all = endless  # type: ignore[method-assign]
        await until(lambda: begun)
        assert client.channel

    asyncio.run(main())
    assert caplog.records == []
    assert [event.kind for event in PresenceEvent.objects.all()] == ["join", "leave"]


async def test_a_review_that_hangs_does_not_stop_the_heartbeat(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    reviewing = asyncio.Event()
    beats: list[bool] = []
    real = Heartbeat.touch_all

    async def touch_all(self: Heartbeat) -> Any:
        beats.append(reviewing.is_set())
        return await real(self)

    async def hang(reviewer: Reviewer, missing: Missing) -> None:
        reviewing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Heartbeat, "touch_all", touch_all)
    monkeypatch.setattr(Reviewer, "review", hang)
    client = await client_of(AsyncChat, "a")
    await until(lambda: beats.count(True) >= 3)
    await client.disconnect()


async def test_a_review_that_fails_is_logged_and_repeated(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    reviews: list[bool] = []

    async def fail(reviewer: Reviewer, missing: Missing) -> None:
        reviews.append(True)
        raise DatabaseError("unavailable")

    monkeypatch.setattr(Reviewer, "review", fail)
    client = await client_of(AsyncChat, "a")
    await until(lambda: len(reviews) >= 2)
    await client.disconnect()
    assert any("Could not review missing stays" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("error", "level", "has_traceback"),
    [
        (OperationalError("the server closed the connection"), "WARNING", False),
        (InterfaceError("the connection is closed"), "WARNING", False),
        (DatabaseError("a fault"), "ERROR", True),
    ],
)
def test_an_unavailable_database_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, level: str, has_traceback: bool
) -> None:
    log_failure("Could not review missing stays.", error)
    (record,) = caplog.records
    assert (record.levelname, bool(record.exc_info)) == (level, has_traceback)
    assert record.getMessage().startswith("Could not review missing stays. The next heartbeat retries.")


@pytest.mark.usefixtures("fast")
async def test_heartbeats_renew_the_groups() -> None:
    client = await client_of(AsyncChat, "a")
    get_channel_layer().groups.clear()
    await until(lambda: in_group(client, "a"))
    await client.disconnect()


# A heartbeat is in progress in the tests below. It is held up when it has its answer and has not used it yet.


class HeldUpHeartbeat:
    """Runs the body of ``async with`` after a heartbeat has touched, or ``before`` it, and then lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> None:
        real = heartbeat.arecord_quietly
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

        async def held_up(selection: Any, using: str) -> Any:
            events = [] if before else await real(selection, using=using)
            self.reached.set()
            await self.gate.wait()
            return await real(selection, using=using) if before else events

        monkeypatch.setattr(heartbeat, "arecord_quietly", held_up)

    async def __aenter__(self) -> None:
        self.task = asyncio.create_task(beat())
        await self.reached.wait()

    async def __aexit__(self, *error: object) -> None:
        self.gate.set()
        await self.task


async def test_interleaving_a_locked_presence_does_not_delay_the_other_connections() -> None:
    """A transaction that hangs has locked one of two presences. The heartbeat touches the other, and evicts neither."""
    held, free = await client_of(AsyncChat, "a"), await client_of(AsyncChat, "a")

    def hang() -> Any:
        transaction = connections["default"].copy()
        transaction.set_autocommit(False)
        with transaction.cursor() as cursor:
            cursor.execute("SELECT FROM presence WHERE channel_name = %s FOR UPDATE", [held.channel])
        return transaction

    transaction = await database_sync_to_async(hang)()
    try:
        await asyncio.wait_for(beat(), 10)
        touched = PresenceEvent.objects.filter(kind="touch").values_list("channel_name", flat=True)
        assert [channel async for channel in touched] == [free.channel]
    finally:
        await database_sync_to_async(transaction.close)()
    for client in (held, free):
        assert await client.open_and_quiet()
        await client.disconnect()


@both
async def test_interleaving_a_room_joined_after_the_touch_is_not_missing(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a")
    async with HeldUpHeartbeat(monkeypatch):
        await client("join_room", "b")
    assert await client.open_and_quiet()
    assert len(await present()) == 2
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave a", "leave b"]


@both
async def test_interleaving_a_room_left_before_the_touch_is_not_missing(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a", "b")
    async with HeldUpHeartbeat(monkeypatch, before=True):
        await client("leave_room", "b")
    assert await client.open_and_quiet()
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave b", "leave a"]
