"""Server processes claim the joins that they record, and keep their registrations alive."""

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

from presence_events import recorder
from presence_events._recording import group_commit
from presence_events._recording.drafts import Draft
from presence_events.models import PresenceEvent, Process
from presence_events.processes import registry
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


def own_registration() -> registry.Registration:
    return registry.registration(asyncio.get_running_loop(), "default")


async def claims() -> list[str | None]:
    """Returns the process of each presence."""
    return [process async for process in Presence.objects.order_by("id").values_list("process", flat=True)]


async def seen() -> Any:
    """Returns the time of the last keep-alive of the running loop, or None."""
    return await Process.objects.filter(name=own_registration().name).values_list("seen_at", flat=True).afirst()


async def until_seen(after: Any = None) -> Any:
    async with asyncio.timeout(30):
        while (found := await seen()) is None or found == after:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "KEEP_ALIVE_INTERVAL", 0.02)


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Returns a list that grows with each keep-alive that is due."""
    found: list[Any] = []
    on_timer = registry.KeepAliveTimer._on_timer

    def record_call(timer: Any) -> None:
        found.append(timer)
        on_timer(timer)

    monkeypatch.setattr(registry.KeepAliveTimer, "_on_timer", record_call)
    return found


@pytest.fixture
def _missing_table() -> Iterator[None]:
    """Renames the table of processes, so that a keep-alive fails."""
    execute("ALTER TABLE presence_process RENAME TO elsewhere")
    yield
    execute("ALTER TABLE IF EXISTS elsewhere RENAME TO presence_process")


@transactional
async def test_a_join_of_a_coroutine_is_claimed_for_its_process() -> None:
    await Room.objects.aadd("room", "channel")
    assert await claims() == [own_registration().name]
    event = await PresenceEvent.objects.aget()
    assert event.process == own_registration().name
    await sync_to_async(assert_live_is_the_fold)()


@transactional
async def test_a_join_of_a_thread_is_claimed_for_the_process_of_its_event_loop() -> None:
    await sync_to_async(Room.objects.add)("room", "channel")
    await sync_to_async(async_to_sync(Room.objects.aadd))("room", "both")
    assert await claims() == [own_registration().name] * 2
    await until_seen()


@transactional
def test_joins_of_code_without_sockets_are_not_claimed() -> None:
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
    assert [joined.process, *(event.process for event in rest)] == [own_registration().name, None, None]


@transactional
async def test_event_loops_are_processes_of_their_own_registration() -> None:
    await Room.objects.aadd("room", "channel")

    def another_loop() -> None:
        asyncio.run(Room.objects.aadd("room", "other"))

    thread = threading.Thread(target=another_loop)
    thread.start()
    await asyncio.to_thread(thread.join)
    first, second = await claims()
    assert first != second
    assert str(first).rpartition(":")[0] == str(second).rpartition(":")[0]


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_that_has_claimed_a_join_keeps_its_registration_alive() -> None:
    await Room.objects.aadd("room", "channel")
    first = await until_seen()
    third = await until_seen(after=await until_seen(after=first))
    process = await Process.objects.aget(name=own_registration().name)
    assert process.started_at <= first < third
    assert str(process) == own_registration().name


@transactional
@pytest.mark.usefixtures("often")
async def test_a_keep_alive_changes_the_row_also_if_the_clock_of_the_database_was_set_back() -> None:
    await Room.objects.aadd("room", "channel")
    before = await until_seen()
    future = before + timedelta(hours=1)
    await Process.objects.filter(name=own_registration().name).aupdate(seen_at=future)
    renewed = await until_seen(after=await until_seen(after=future))
    assert renewed < future + timedelta(seconds=1)


@transactional
@pytest.mark.usefixtures("often")
async def test_pending_writes_do_not_delay_the_keep_alive() -> None:
    await Room.objects.aadd("room", "channel")
    is_running = True

    async def touch_repeatedly() -> None:
        while is_running:
            await Presence.objects.atouch("channel")

    touching = [asyncio.create_task(touch_repeatedly()) for _ in range(3)]
    first = await until_seen()
    await until_seen(after=await until_seen(after=first))
    is_running = False
    await asyncio.gather(*touching)


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_without_a_claimed_join_writes_no_keep_alive() -> None:
    await sync_to_async(record)([Draft("leave", "room", "absent")])
    await arecord([Draft("leave", "room", "absent")])
    await Presence.objects.atouch("absent")
    assert not own_registration().is_kept_alive
    assert await seen() is None


@transactional
@pytest.mark.usefixtures("often")
async def test_the_keep_alive_starts_before_the_transaction_of_the_join_ends() -> None:
    name = own_registration().name

    def join() -> None:
        with transaction.atomic():
            record([Draft("join", "room", "channel")])
            wait_until(lambda: Process.objects.filter(name=name).exists())
            transaction.set_rollback(True)

    await sync_to_async(join)()
    assert await claims() == []
    await until_seen(after=await seen())


@transactional
async def test_a_join_that_may_have_been_recorded_counts_as_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database connection broke after the commit, and the retry changes nothing."""
    write, calls = group_commit.write_batch, 0

    def lose_the_answer(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > 1:
            return write(*args)
        write(*args)
        for pending in args[1]:
            pending.rows, pending.is_done = [], False
        return OperationalError("lost")

    monkeypatch.setattr(group_commit, "write_batch", lose_the_answer)
    assert await arecord([Draft("join", "room", "channel")]) == []
    assert await claims() == [own_registration().name]
    await until_seen()


@transactional
@pytest.mark.usefixtures("often", "_missing_table")
async def test_a_process_whose_keep_alive_is_refused_logs_it_once_and_claims_nothing(
    due: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    registration = own_registration()
    await Room.objects.aadd("room", "early")
    await until(lambda: registration.claim_name is None)
    await Room.objects.aadd("room", "late")
    await sync_to_async(Room.objects.add)("room", "synchronous")
    before = len(due)
    await until(lambda: len(due) > before + 2)
    assert await claims() == [registration.name, None, None]
    assert len(caplog.records) == 1
    assert "cannot renew its keep-alive in the database 'default'" in caplog.text
    await sync_to_async(execute)("ALTER TABLE elsewhere RENAME TO presence_process")
    await until(lambda: registration.claim_name is not None)
    await until_seen()
    await Room.objects.aadd("room", "later")
    assert (await claims())[-1] == registration.name


@transactional
@pytest.mark.usefixtures("often")
async def test_a_process_whose_database_is_unavailable_retries_and_claims(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    def fail(alias: str) -> None:
        nonlocal attempts
        attempts += 1
        raise OperationalError("unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(registry, "make_ready", fail)
        await Room.objects.aadd("room", "channel")
        await until(lambda: attempts > 3)
        assert own_registration().is_database_unavailable
        await Room.objects.aadd("room", "another")
    assert await claims() == [own_registration().name] * 2
    await until_seen()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@transactional
@pytest.mark.usefixtures("often")
async def test_a_slow_keep_alive_is_not_started_twice(due: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    calls, thawed, make_ready = 0, threading.Event(), registry.make_ready

    def frozen(alias: str) -> None:
        nonlocal calls
        calls += 1
        thawed.wait(30)
        make_ready(alias)

    monkeypatch.setattr(registry, "make_ready", frozen)
    await Room.objects.aadd("room", "channel")
    await until(lambda: len(due) > 3)
    thawed.set()
    assert calls == 1
    await until_seen()


@transactional
def test_the_keep_alive_ends_with_its_event_loop_and_does_not_refer_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await Room.objects.aadd("room", "channel")
        await until(lambda: own_registration().is_kept_alive)

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None
    assert not caplog.records
    assert Process.objects.get().name == Presence.objects.get().process
    wait_until(lambda: not execute(BACKENDS))


@transactional
@pytest.mark.usefixtures("often")
async def test_an_idle_process_holds_no_connection_between_keep_alives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "is_test_database", lambda connection: False)
    monkeypatch.setattr(group_commit, "CHECK_INTERVAL", 0.01)
    opened: list[Any] = []

    def count(connection: Any, **kwargs: Any) -> None:
        opened.append(connection)

    await Room.objects.aadd("room", "channel")
    group = recorder._group_commits[asyncio.get_running_loop()]["default"]
    await until(lambda: group._check_timer is None)
    connection_created.connect(count)
    await until(lambda: len(opened) > 3 and opened[-1].connection is None)
    connection_created.disconnect(count)


@transactional
async def test_no_keep_alive_starts_after_group_commit_has_ended() -> None:
    await Room.objects.aadd("room", "channel")
    await until_seen()
    loop = asyncio.get_running_loop()
    group = recorder._group_commits[loop]["default"]
    await group._shutdown_hook.aclose()
    assert not own_registration().is_kept_alive
    group.start_keep_alive()
    assert not own_registration().is_kept_alive
    # The next call makes a new group commit, which keeps the registration alive again.
    before = await seen()
    await Room.objects.aadd("room", "late")
    await until_seen(after=before)


@transactional
def test_a_join_for_an_event_loop_that_has_been_closed_is_recorded() -> None:
    class Closed(asyncio.SelectorEventLoop):
        seems_running = False

        def is_running(self) -> bool:
            return self.seems_running

    loop = Closed()
    loop.close()
    loop.seems_running = True

    def join() -> None:
        SyncToAsync.threadlocal.main_event_loop = loop
        SyncToAsync.threadlocal.main_event_loop_pid = os.getpid()
        record([Draft("join", "room", "channel")])
        connection.close()

    thread = threading.Thread(target=join)
    thread.start()
    thread.join()
    loop.seems_running = False
    assert Presence.objects.get().process == registry.registration(loop, "default").name


@transactional
async def test_a_process_without_a_keep_alive_for_a_day_is_deleted() -> None:
    moment = timezone.now()
    await Process.objects.abulk_create(
        Process(name=name, started_at=moment, seen_at=moment) for name in ("dead", "recent")
    )
    await Process.objects.filter(name="dead").aupdate(seen_at=Now() - timedelta(days=1, minutes=1))
    await Process.objects.filter(name="recent").aupdate(seen_at=F("seen_at") - timedelta(hours=23))
    await Room.objects.aadd("room", "channel")
    await until_seen()
    names = {name async for name in Process.objects.values_list("name", flat=True)}
    assert names == {"recent", own_registration().name}


class TestInATestCase(TestCase):
    async def test_no_join_is_claimed_and_nothing_is_written_outside_the_transaction(self) -> None:
        await Room.objects.aadd("room", "coroutine")
        await sync_to_async(Room.objects.add)("room", "thread")
        await asyncio.create_task(sync_to_async(Room.objects.add)("room", "task"))
        assert await claims() == [None] * 3
        assert own_registration().claim_name is None
        assert not own_registration().is_kept_alive
        assert not await Process.objects.aexists()


@transactional
@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("time", ["infinity", "294276-12-31 23:59:59.999999 UTC"])
async def test_a_process_replaces_a_time_that_no_clock_shows(time: str) -> None:
    """The role of the application may write any time into the registry."""
    await arecord([Draft("join", "room", "channel")])
    await until_seen()
    own = Process.objects.filter(name=own_registration().name, seen_at__lt="9999-12-31T00:00:00Z")
    await sync_to_async(execute)(f"UPDATE presence_process SET seen_at = '{time}'")
    async with asyncio.timeout(30):
        while not await own.aexists():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
