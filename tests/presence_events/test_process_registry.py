"""Processes claim the joins that they record, and say that they are alive."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
import weakref
from collections.abc import Iterator
from contextvars import Context
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from django.db.models import F
from django.db.models.functions import Now
from django.test import TestCase
from django.utils import timezone

from presence_events import process_registry, recorder
from presence_events._recording import group_commit
from presence_events._recording.drafts import Draft
from presence_events.models import PresenceEvent, Process
from presence_events.recorder import arecord, record
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.waiting import until, wait_until

transactional = pytest.mark.django_db(transaction=True)

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def execute(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def own() -> process_registry.Registration:
    return process_registry.registration(asyncio.get_running_loop(), "default")


async def claimed() -> list[str | None]:
    """For whom those who are here were claimed."""
    return [process async for process in Presence.objects.order_by("id").values_list("process", flat=True)]


async def seen() -> Any:
    """When the process of the running loop said last that it is alive; None if it never did."""
    return await Process.objects.filter(name=own().name).values_list("seen_at", flat=True).afirst()


async def until_seen(after: Any = None) -> Any:
    async with asyncio.timeout(30):
        while (found := await seen()) is None or found == after:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_registry, "KEEP_ALIVE_INTERVAL", 0.02)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows each time that a process is to say that it is alive."""
    found: list[Any] = []
    on_time = process_registry.KeepAlive._on_time

    def listed(keep_alive: Any) -> None:
        found.append(keep_alive)
        on_time(keep_alive)

    monkeypatch.setattr(process_registry.KeepAlive, "_on_time", listed)
    return found


@pytest.fixture
def _nothing_to_write_to() -> Iterator[None]:
    """Not even a table."""
    execute("ALTER TABLE presence_process RENAME TO elsewhere")
    yield
    execute("ALTER TABLE IF EXISTS elsewhere RENAME TO presence_process")


@transactional
async def test_what_a_coroutine_records_is_claimed_for_its_process() -> None:
    await Room.objects.aadd("room", "channel")
    assert await claimed() == [own().name]
    event = await PresenceEvent.objects.aget()
    assert event.process == own().name
    await sync_to_async(assert_live_is_the_fold)()


@transactional
async def test_what_a_thread_records_for_an_event_loop_is_claimed_for_its_process() -> None:
    await sync_to_async(Room.objects.add)("room", "channel")
    await sync_to_async(async_to_sync(Room.objects.aadd))("room", "both")
    assert await claimed() == [own().name] * 2
    await until_seen()


@transactional
def test_what_nobody_records_who_has_sockets_is_not_claimed() -> None:
    Room.objects.add("room", "synchronous")
    async_to_sync(Room.objects.aadd)("room", "both")

    async def elsewhere() -> None:
        await asyncio.create_task(arecord([Draft("join", "room", "task")]), context=Context())

    async_to_sync(elsewhere)()
    assert list(Presence.objects.values_list("process", flat=True)) == [None] * 3
    assert not Process.objects.exists()


@transactional
async def test_only_joins_are_claimed() -> None:
    (joined,) = await arecord([Draft("join", "room", "channel")])
    rest = await arecord([Draft("touch", "room", "channel", data=1), Draft("leave", "room", "channel")])
    assert [joined.process, *(event.process for event in rest)] == [own().name, None, None]


@transactional
async def test_event_loops_are_processes_of_their_own() -> None:
    await Room.objects.aadd("room", "channel")

    def another_loop() -> None:
        asyncio.run(Room.objects.aadd("room", "other"))

    thread = threading.Thread(target=another_loop)
    thread.start()
    await asyncio.to_thread(thread.join)
    first, second = await claimed()
    assert first != second
    assert str(first).rpartition(":")[0] == str(second).rpartition(":")[0]


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_that_has_claimed_somebody_goes_on_saying_that_it_is_alive() -> None:
    await Room.objects.aadd("room", "channel")
    first = await until_seen()
    third = await until_seen(after=await until_seen(after=first))
    process = await Process.objects.aget(name=own().name)
    assert process.started_at <= first < third
    assert str(process) == own().name


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_says_so_however_many_wait_to_be_recorded() -> None:
    await Room.objects.aadd("room", "channel")
    going_on = True

    async def talk() -> None:
        while going_on:
            await Presence.objects.atouch("channel")

    talking = [asyncio.create_task(talk()) for _ in range(3)]
    first = await until_seen()
    await until_seen(after=await until_seen(after=first))
    going_on = False
    await asyncio.gather(*talking)


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_that_has_claimed_nobody_says_nothing() -> None:
    await sync_to_async(record)([Draft("leave", "room", "nobody")])
    await arecord([Draft("leave", "room", "nobody")])
    await Presence.objects.atouch("nobody")
    assert not own().is_kept
    assert await seen() is None


@transactional
@pytest.mark.usefixtures("often")
async def test_it_is_said_at_once_although_the_transaction_of_the_join_goes_on_or_is_taken_back() -> None:
    name = own().name

    def join() -> None:
        with transaction.atomic():
            record([Draft("join", "room", "channel")])
            wait_until(lambda: Process.objects.filter(name=name).exists())
            transaction.set_rollback(True)

    await sync_to_async(join)()
    assert await claimed() == []
    await until_seen(after=await seen())


@transactional
async def test_a_join_that_may_have_been_recorded_counts_as_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection broke after the commit: the second try finds that nothing is to be done."""
    write, calls = group_commit.write, 0

    def lost(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            return write(*args)
        write(*args)
        for waiting in args[1]:
            waiting.rows, waiting.written = [], False
        return OperationalError("lost")

    monkeypatch.setattr(group_commit, "write", lost)
    assert await arecord([Draft("join", "room", "channel")]) == []
    assert await claimed() == [own().name]
    await until_seen()


@transactional
@pytest.mark.usefixtures("often", "_nothing_to_write_to")
async def test_a_process_that_may_not_say_so_says_why_once_and_claims_nobody(
    times: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    registration = own()
    await Room.objects.aadd("room", "early")
    await until(lambda: registration.claim is None)
    await Room.objects.aadd("room", "late")
    await sync_to_async(Room.objects.add)("room", "synchronous")
    tries = len(times)
    await until(lambda: len(times) > tries + 2)
    assert await claimed() == [registration.name, None, None]
    assert len(caplog.records) == 1
    assert "cannot say in the database 'default' that it is alive" in caplog.text
    await sync_to_async(execute)("ALTER TABLE elsewhere RENAME TO presence_process")
    await until(lambda: registration.claim is not None)
    await until_seen()
    await Room.objects.aadd("room", "later")
    assert (await claimed())[-1] == registration.name


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_whose_database_is_away_tries_again_and_claims(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    def away(alias: str) -> None:
        nonlocal tries
        tries += 1
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(process_registry, "make_ready", away)
        await Room.objects.aadd("room", "channel")
        await until(lambda: tries > 3)
        assert own().is_away
        await Room.objects.aadd("room", "another")
    assert await claimed() == [own().name] * 2
    await until_seen()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@transactional
@pytest.mark.usefixtures("often")
async def test_who_is_slow_in_saying_so_is_not_asked_twice(times: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    begun, thawed, make_ready = 0, threading.Event(), process_registry.make_ready

    def frozen(alias: str) -> None:
        nonlocal begun
        begun += 1
        thawed.wait(30)
        make_ready(alias)

    monkeypatch.setattr(process_registry, "make_ready", frozen)
    await Room.objects.aadd("room", "channel")
    await until(lambda: len(times) > 3)
    thawed.set()
    assert begun == 1
    await until_seen()


@transactional
def test_it_ends_with_the_event_loop_of_which_nothing_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await Room.objects.aadd("room", "channel")
        await until(lambda: own().is_kept)

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None
    assert not caplog.records
    assert Process.objects.get().name == Presence.objects.get().process
    wait_until(lambda: not execute(BACKENDS))


@transactional
@pytest.mark.usefixtures("often")
async def test_who_does_nothing_else_holds_no_connection_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "is_test_database", lambda connection: False)
    monkeypatch.setattr(group_commit, "TICK", 0.01)
    opened: list[Any] = []

    def count(connection: Any, **kwargs: Any) -> None:
        opened.append(connection)

    await Room.objects.aadd("room", "channel")
    group = recorder._group_commits[asyncio.get_running_loop()]["default"]
    await until(lambda: group._tick is None)
    connection_created.connect(count)
    await until(lambda: len(opened) > 3 and opened[-1].connection is None)
    connection_created.disconnect(count)


@transactional
async def test_after_the_end_of_group_commit_nothing_is_begun() -> None:
    await Room.objects.aadd("room", "channel")
    await until_seen()
    loop = asyncio.get_running_loop()
    group = recorder._group_commits[loop]["default"]
    await group._life.aclose()
    assert not own().is_kept
    group.keep_alive()
    assert not own().is_kept
    # Whoever records nevertheless makes another, which says so again.
    before = await seen()
    await Room.objects.aadd("room", "late")
    await until_seen(after=before)


@transactional
def test_a_join_for_an_event_loop_that_is_closed_meanwhile_is_recorded() -> None:
    class Closed(asyncio.SelectorEventLoop):
        looks_as_if = False

        def is_running(self) -> bool:
            return self.looks_as_if

    loop = Closed()
    loop.close()
    loop.looks_as_if = True

    def join() -> None:
        SyncToAsync.threadlocal.main_event_loop = loop
        SyncToAsync.threadlocal.main_event_loop_pid = os.getpid()
        record([Draft("join", "room", "channel")])
        connection.close()

    thread = threading.Thread(target=join)
    thread.start()
    thread.join()
    loop.looks_as_if = False
    assert Presence.objects.get().process == process_registry.registration(loop, "default").name


@transactional
async def test_who_has_not_been_seen_for_a_day_is_forgotten() -> None:
    moment = timezone.now()
    await Process.objects.abulk_create(
        Process(name=name, started_at=moment, seen_at=moment) for name in ("dead", "recent")
    )
    await Process.objects.filter(name="dead").aupdate(seen_at=Now() - timedelta(days=1, minutes=1))
    await Process.objects.filter(name="recent").aupdate(seen_at=F("seen_at") - timedelta(hours=23))
    await Room.objects.aadd("room", "channel")
    await until_seen()
    names = {name async for name in Process.objects.values_list("name", flat=True)}
    assert names == {"recent", own().name}


class TestInATestCase(TestCase):
    async def test_nobody_is_claimed_and_nothing_written_outside_of_the_transaction(self) -> None:
        await Room.objects.aadd("room", "coroutine")
        await sync_to_async(Room.objects.add)("room", "thread")
        await asyncio.create_task(sync_to_async(Room.objects.add)("room", "task"))
        assert await claimed() == [None] * 3
        assert own().claim is None
        assert not own().is_kept
        assert not await Process.objects.aexists()
