"""Server processes claim the joins that they record, and send beats."""

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
from django.test import TestCase

from presence_events import recorder
from presence_events._recording import group_commit
from presence_events._recording.drafts import Draft
from presence_events.models import PresenceEvent
from presence_events.processes import beats, registry
from presence_events.recorder import arecord, record
from projections.models import Presence, Process, Room
from tests.fold import assert_live_is_the_fold
from tests.leases import beats as count_beats
from tests.leases import move_lease
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
    """Returns the time of the last beat of the running loop, or None."""
    return await Process.objects.filter(name=own_registration().name).values_list("seen_at", flat=True).afirst()


async def until_seen(after: Any = None) -> Any:
    async with asyncio.timeout(30):
        while (found := await seen()) is None or found == after:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_BEAT_INTERVAL", 0.02)
    monkeypatch.setattr(registry, "MIN_BEAT_INTERVAL", 0.02)


@pytest.fixture
def due(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Returns a list that grows with each beat that is due."""
    found: list[Any] = []
    on_timer = beats.BeatTimer._on_timer

    def record_call(timer: Any) -> None:
        found.append(timer)
        on_timer(timer)

    monkeypatch.setattr(beats.BeatTimer, "_on_timer", record_call)
    return found


@pytest.fixture
def _missing_table() -> Iterator[None]:
    """Renames the table of processes, so that a beat fails."""
    execute("ALTER TABLE presence_process RENAME TO elsewhere")
    yield
    execute("ALTER TABLE IF EXISTS elsewhere RENAME TO presence_process")


@transactional
async def test_a_join_of_a_coroutine_is_claimed_for_its_process() -> None:
    await Room.objects.aadd("room", "channel")
    assert await claims() == [own_registration().name]
    event = await PresenceEvent.objects.of_rooms().aget()
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
async def test_a_process_that_has_claimed_a_join_sends_beats() -> None:
    await Room.objects.aadd("room", "channel")
    first = await until_seen()
    third = await until_seen(after=await until_seen(after=first))
    process = await Process.objects.aget(name=own_registration().name)
    assert process.started_at <= first < third
    assert str(process) == own_registration().name


@transactional
@pytest.mark.usefixtures("often")
async def test_a_beat_changes_the_lease_also_if_the_clock_of_the_database_was_set_back() -> None:
    await Room.objects.aadd("room", "channel")
    before = await until_seen()
    await sync_to_async(move_lease)(own_registration().name, 3600)
    moved = await seen()
    assert moved > before + timedelta(minutes=59)
    renewed = await until_seen(after=await until_seen(after=moved))
    assert moved < renewed < moved + timedelta(seconds=1)
    await sync_to_async(assert_live_is_the_fold)()


@transactional
@pytest.mark.usefixtures("often")
async def test_pending_writes_do_not_delay_the_beats() -> None:
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
async def test_a_process_without_a_claimed_join_sends_no_beat() -> None:
    await sync_to_async(record)([Draft("leave", "room", "absent")])
    await arecord([Draft("leave", "room", "absent")])
    await Presence.objects.atouch("absent")
    assert not own_registration().has_beats
    assert await seen() is None


@transactional
@pytest.mark.usefixtures("often")
async def test_the_first_beat_comes_before_the_transaction_of_the_join_ends() -> None:
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
async def test_a_process_whose_beat_is_refused_logs_it_once_and_goes_on(
    due: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    await Room.objects.aadd("room", "early")
    before = len(due)
    await until(lambda: len(due) > before + 2)
    assert len(caplog.records) == 1
    assert "cannot send a beat to the database 'default'" in caplog.text
    await sync_to_async(execute)("ALTER TABLE elsewhere RENAME TO presence_process")
    await until_seen()


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
        await Room.objects.aadd("room", "another")
    assert await claims() == [own_registration().name] * 2
    await until_seen()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@transactional
@pytest.mark.usefixtures("often")
async def test_a_slow_beat_is_not_started_twice(due: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_the_beats_end_with_its_event_loop_and_do_not_refer_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loops: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    async def main() -> None:
        loops.append(weakref.ref(asyncio.get_running_loop()))
        await Room.objects.aadd("room", "channel")
        await until(lambda: own_registration().has_beats)

    asyncio.run(main())
    gc.collect()
    assert loops[0]() is None
    assert not caplog.records
    assert Process.objects.get().name == Presence.objects.get().process
    wait_until(lambda: not execute(BACKENDS))


@transactional
@pytest.mark.usefixtures("often")
async def test_an_idle_process_holds_no_connection_between_beats(monkeypatch: pytest.MonkeyPatch) -> None:
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
async def test_no_beats_start_after_group_commit_has_ended() -> None:
    await Room.objects.aadd("room", "channel")
    await until_seen()
    loop = asyncio.get_running_loop()
    group = recorder._group_commits[loop]["default"]
    await group._shutdown_hook.aclose()
    assert not own_registration().has_beats
    group.start_beats()
    assert not own_registration().has_beats
    # The next call makes a new group commit, which sends beats again.
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


class TestInATestCase(TestCase):
    async def test_no_join_is_claimed_and_nothing_is_written_outside_the_transaction(self) -> None:
        await Room.objects.aadd("room", "coroutine")
        await sync_to_async(Room.objects.add)("room", "thread")
        await asyncio.create_task(sync_to_async(Room.objects.add)("room", "task"))
        assert await claims() == [None] * 3
        assert own_registration().claim_name is None
        assert not own_registration().has_beats
        assert not await Process.objects.aexists()


@transactional
@pytest.mark.usefixtures("often")
async def test_interleaving_a_locked_lease_does_not_delay_what_the_process_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A transaction that prunes stays open, and has locked the lease."""
    await Room.objects.aadd("room", "channel")
    await until_seen()

    def lock() -> Any:
        other = connection.copy()
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT FROM presence_process FOR SHARE")
        return other

    other = await sync_to_async(lock)()
    try:
        await until(lambda: "cannot send a beat" in caplog.text)
        async with asyncio.timeout(30):
            await Room.objects.aadd("room", "another")
    finally:
        await sync_to_async(other.close)()
    assert "lock timeout" in caplog.text
    await until_seen(after=await seen())
    await sync_to_async(assert_live_is_the_fold)()


@transactional
@pytest.mark.usefixtures("often")
async def test_listeners_are_called_in_the_event_loop_after_each_beat() -> None:
    called: list[Any] = []
    loop = asyncio.get_running_loop()
    own_registration().listeners.append(lambda: called.append(asyncio.get_running_loop() is loop))
    await Room.objects.aadd("room", "channel")
    await until(lambda: len(called) >= 2)
    assert all(called)
    assert await sync_to_async(count_beats)() >= 2
    own_registration().listeners.clear()


@pytest.mark.parametrize(("age", "seconds"), [(0, 0.1), (6, 2), (30, 10), (3600, 10)])
def test_the_interval_is_a_third_of_the_maximal_age_within_bounds(age: float, seconds: float, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = age
    assert registry.beat_interval() == seconds


def test_a_process_is_dead_only_after_two_beats_are_missing() -> None:
    assert registry.CHECK_INTERVAL * registry.CHECKS_UNTIL_DEAD > 2 * registry.MAX_BEAT_INTERVAL
