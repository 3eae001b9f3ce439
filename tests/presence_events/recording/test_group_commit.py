"""Coroutines share batches, and each gets its own result."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer
from django.db import DatabaseError, connection, connections, transaction

from presence_events import recorder
from presence_events._recording import group_commit
from presence_events._recording.admission import Admission
from presence_events._recording.drafts import select
from presence_events._recording.statement import EventReader
from presence_events._recording.write_queue import PendingWrite, WriteQueue
from presence_events.exceptions import NotRecordedInTime
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord
from presence_events.signals import aevents_committed
from projections.models import Presence, Room
from projections.signals import presence_changed
from tests.fold import assert_live_is_the_fold
from tests.waiting import until, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def execute(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def _refusing() -> Iterator[None]:
    """A trigger of the application refuses the channel ``bad``."""
    execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.channel_name = 'bad' THEN RAISE 'not that one'; END IF; RETURN NEW; END $$"
    )
    execute("CREATE TRIGGER aaa_refuse BEFORE INSERT ON presence_event FOR EACH ROW EXECUTE FUNCTION refuse()")
    yield
    execute("DROP TRIGGER aaa_refuse ON presence_event")
    execute("DROP FUNCTION refuse")


@pytest.fixture
async def locked() -> AsyncIterator[Callable[[], None]]:
    """Another transaction locks the stay of the channel ``busy`` until the fixture's value is called."""
    await Room.objects.aadd("room", "busy")

    def lock() -> Any:
        atomic = transaction.atomic()
        atomic.__enter__()
        Presence.objects.touch("busy")
        return atomic

    atomic = await sync_to_async(lock)()
    released = False

    async def release() -> None:
        nonlocal released
        if not released:
            released = True
            await sync_to_async(atomic.__exit__)(None, None, None)

    yield release  # type: ignore[misc]
    await release()


async def test_writes_that_arrive_during_a_batch_share_the_next_one() -> None:
    await asyncio.gather(*(Room.objects.aadd(f"room{number % 7}", f"{number}") for number in range(500)))
    assert await PresenceEvent.objects.of_rooms().acount() == 500
    assert await PresenceEvent.objects.of_rooms().values("tx").distinct().acount() < 20
    assert await Presence.objects.acount() == 500


async def test_each_caller_gets_its_own_events() -> None:
    await asyncio.gather(*(Room.objects.aadd(room, "everywhere") for room in "abc"), Room.objects.aadd("a", "once"))
    touched = await asyncio.gather(*map(Presence.objects.atouch, ("everywhere", "once", "nowhere")))
    mixed = await asyncio.gather(
        arecord([Draft("join", "a", "new")]),
        Presence.objects.atouch("once"),
        arecord([Draft("leave", "b", "everywhere"), Draft("join", "b", "everywhere")]),
        arecord([Draft("leave", "b", "nowhere")]),
        Presence.objects.aleave_all("everywhere"),
        Presence.objects.atouch("everywhere"),
    )
    assert touched == [3, 1, 0]
    (joined,), once, (left, back), nothing, left_all, nowhere = mixed
    assert [str(joined), str(left), str(back)] == ["join new a", "leave everywhere b", "join everywhere b"]
    assert (once, nothing, left_all, nowhere) == (1, [], 3, 0)


@pytest.mark.usefixtures("_refusing")
async def test_a_call_that_the_database_refuses_fails_alone() -> None:
    channels = [f"good{number}" for number in range(50)] + ["bad"] + [f"fine{number}" for number in range(50)]
    results = await asyncio.gather(
        *(arecord([Draft("join", "room", channel)]) for channel in channels), return_exceptions=True
    )
    refused = results.pop(50)
    assert isinstance(refused, DatabaseError)
    assert "not that one" in str(refused)
    assert [event.channel_name for (event,) in results] == [c for c in channels if c != "bad"]  # type: ignore[misc]
    await sync_to_async(assert_live_is_the_fold)()


async def test_each_connection_keeps_its_order() -> None:
    chance = random.Random(7)
    calls: list[Any] = []
    expected: dict[str, list[str]] = {}
    for _ in range(400):
        channel, room = str(chance.randrange(20)), chance.choice("ab")
        present = expected.setdefault(f"{channel} {room}", [])
        if present[-1:] == ["join"]:
            calls.append(Room.objects.aremove(room, channel))
            present.append("leave")
        else:
            calls.append(Room.objects.aadd(room, channel))
            present.append("join")
    await asyncio.gather(*calls)
    recorded: dict[str, list[str]] = {}
    async for event in PresenceEvent.objects.of_rooms().order_by("id"):
        recorded.setdefault(f"{event.channel_name} {event.room}", []).append(event.kind)
    assert recorded == expected


async def test_callers_above_the_limit_wait_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_PENDING", 10)
    await asyncio.gather(*(Room.objects.aadd("room", f"{number}") for number in range(300)))
    assert await Presence.objects.acount() == 300


async def test_a_caller_that_waits_too_long_for_admission_gets_an_error(
    monkeypatch: pytest.MonkeyPatch, locked: Any
) -> None:
    group = current_group_commit()
    monkeypatch.setattr(group, "_admission", Admission(1))
    first = asyncio.create_task(Presence.objects.atouch("busy"))
    await asyncio.sleep(0)
    monkeypatch.setattr(group, "_timeout", 0.2)
    with pytest.raises(NotRecordedInTime, match="not attempted"):
        await Room.objects.aadd("room", "late")
    await locked()
    assert await first == 1


async def test_a_locked_row_delays_only_the_calls_that_need_it(locked: Any) -> None:
    blocked = asyncio.create_task(Presence.objects.atouch("busy"))
    after = asyncio.create_task(Presence.objects.aleave_all("busy"))
    await asyncio.gather(*(Room.objects.aadd("room", f"{number}") for number in range(50)))
    assert await asyncio.gather(*(Presence.objects.atouch(f"{number}") for number in range(50))) == [1] * 50
    assert not blocked.done()
    await locked()
    assert (await blocked, await after) == (1, 1)
    kinds = [e.kind async for e in PresenceEvent.objects.filter(channel_name="busy").order_by("id")]
    assert kinds == ["join", "touch", "touch", "leave"]


async def test_a_call_that_waits_too_long_for_a_locked_row_times_out(settings: Any, locked: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 0.5
    await Room.objects.aadd("room", "other")  # the new setting is valid from this batch on
    with pytest.raises(NotRecordedInTime, match="lock timeout"):
        await Presence.objects.atouch("busy")
    assert await Presence.objects.atouch("other") == 1


async def test_a_connection_that_breaks_is_replaced_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    async def break_connections() -> None:
        for _ in range(5):
            await sync_to_async(execute)(f"SELECT pg_terminate_backend(pid) FROM ({BACKENDS}) AS backend")
            await asyncio.sleep(0.02)

    async def join_rooms(number: int) -> None:
        for room in "abcde":
            await Room.objects.aadd(room, f"{number}")

    await asyncio.gather(break_connections(), *map(join_rooms, range(100)))
    assert await Presence.objects.acount() == 500
    await sync_to_async(assert_live_is_the_fold)()


async def test_a_read_only_server_counts_as_unavailable() -> None:
    name = (await sync_to_async(execute)("SELECT quote_ident(current_database())"))[0][0]
    await sync_to_async(execute)(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        joining = asyncio.create_task(Room.objects.aadd("room", "channel"))
        group = current_group_commit()
        await until(lambda: group._failures)
        assert not joining.done()
    finally:
        await sync_to_async(execute)("SET default_transaction_read_only = off")
        await sync_to_async(execute)(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await joining
    assert await Presence.objects.acount() == 1


async def test_any_error_in_the_thread_is_retried(monkeypatch: pytest.MonkeyPatch) -> None:
    write_batch = group_commit.write_batch
    failures = [RuntimeError("once"), RuntimeError("twice")]

    def failing(*args: Any) -> Any:
        if failures:
            raise failures.pop()
        return write_batch(*args)

    monkeypatch.setattr(group_commit, "write_batch", failing)
    await Room.objects.aadd("room", "channel")
    assert await Presence.objects.acount() == 1


@pytest.fixture
def _unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The events of the channel ``unreadable`` cannot be made."""
    events = EventReader.events

    def refuse_one(reader: Any, rows: Any, users: Any) -> Any:
        if rows[0].channel_name == "unreadable":
            raise LookupError("cannot be parsed")
        return events(reader, rows, users)

    monkeypatch.setattr(EventReader, "events", refuse_one)


@pytest.mark.usefixtures("_unreadable")
async def test_an_event_that_cannot_be_parsed_is_an_error_for_its_caller_alone() -> None:
    calls = [arecord([Draft("join", "room", channel)]) for channel in ("a", "unreadable", "b")]
    first, error, last = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(error, LookupError)
    assert len(first) == len(last) == 1  # type: ignore[arg-type]


@pytest.mark.usefixtures("_unreadable")
async def test_an_event_that_cannot_be_parsed_for_receivers_is_an_error_for_its_caller_alone() -> None:
    received: list[str] = []

    async def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        received.extend(str(event) for event in events)

    aevents_committed.connect(receive)
    calls = [Room.objects.aadd("room", channel) for channel in ("a", "unreadable", "b")]
    first, error, last = await asyncio.gather(*calls, return_exceptions=True)
    with pytest.raises(LookupError):
        await Room.objects.aadd("elsewhere", "unreadable")
    aevents_committed.disconnect(receive)
    assert isinstance(error, LookupError)
    assert str(first) == str(last) == "room"
    assert received == ["join a room", "join b room"]


async def test_events_are_made_once_and_only_for_receivers_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    events = EventReader.events

    def count(reader: Any, rows: Any, users: Any) -> Any:
        made.append(rows)
        return events(reader, rows, users)

    received: list[list[PresenceEvent]] = []

    async def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        received.append(events)

    monkeypatch.setattr(EventReader, "events", count)
    await Room.objects.aadd("room", "a")
    await Room.objects.aremove("room", "a")
    assert made == []
    aevents_committed.connect(receive)
    presence_changed.connect(receive)
    await Room.objects.aadd("room", "a")
    aevents_committed.disconnect(receive)
    presence_changed.disconnect(receive)
    assert len(made) == 1
    (((one,), (same,))) = received
    assert one is same


async def test_a_failure_of_the_layer_is_raised_only_to_the_callers_it_affects(monkeypatch: pytest.MonkeyPatch) -> None:
    add = InMemoryChannelLayer.group_add

    async def fail_for_one(layer: Any, group: str, channel: str) -> None:
        if group == "broken":
            raise ConnectionError("no layer")
        await add(layer, group, channel)

    monkeypatch.setattr(InMemoryChannelLayer, "group_add", fail_for_one)
    results = await asyncio.gather(
        *(Room.objects.aadd(room, "channel") for room in ("a", "broken", "b")), return_exceptions=True
    )
    assert [isinstance(result, ConnectionError) for result in results] == [False, True, False]
    assert await Presence.objects.acount() == 3


async def test_an_error_of_a_receiver_is_raised_to_the_caller_of_its_events(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(events: list[PresenceEvent], **kwargs: Any) -> None:
        raise LookupError("an error of a receiver")

    aevents_committed.connect(fail)
    try:
        with pytest.raises(LookupError):
            await arecord([Draft("join", "room", "channel")])
    finally:
        aevents_committed.disconnect(fail)
    assert await Presence.objects.acount() == 1


def test_a_write_that_has_begun_is_completed_while_all_tasks_are_cancelled() -> None:
    joined = []

    async def stay(number: int) -> None:
        try:
            await Room.objects.aadd("room", f"{number}")
            joined.append(number)
            await asyncio.Event().wait()
        finally:
            await Presence.objects.aleave_all(f"{number}")

    async def main() -> None:
        stays = [asyncio.create_task(stay(number)) for number in range(100)]
        await until(lambda: len(joined) == len(stays))

    asyncio.run(main())
    assert Presence.objects.count() == 0
    assert PresenceEvent.objects.filter(kind="leave").count() == 100
    assert PresenceEvent.objects.filter(kind="leave").values("tx").distinct().count() < 10


@pytest.mark.parametrize("max_age", [0, 600, None])
def test_the_connection_is_closed_when_the_loop_closes(monkeypatch: pytest.MonkeyPatch, max_age: float | None) -> None:
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", max_age)
    monkeypatch.setattr("presence_events._recording.group_commit.is_test_database", lambda connection: False)
    asyncio.run(arecord_from_an_outer_loop())
    wait_until(lambda: not execute(BACKENDS))


async def arecord_from_an_outer_loop() -> None:
    await arecord([Draft("join", "room", "channel")])
    assert await arecord([Draft("leave", "room", "channel")])


async def test_the_connection_stays_open_between_calls_and_is_closed_when_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("presence_events._recording.group_commit.is_test_database", lambda connection: False)
    monkeypatch.setattr(group_commit, "CHECK_INTERVAL", 30)
    opened = []
    from django.db.backends.signals import connection_created

    def count(connection: Any, **kwargs: Any) -> None:
        opened.append(connection)

    connection_created.connect(count)
    for number in range(3):
        await arecord([Draft("join", "room", f"{number}")])
    connection_created.disconnect(count)
    assert len(opened) == 1
    group = current_group_commit()
    group._check_timer.cancel()
    monkeypatch.setattr(group_commit, "CHECK_INTERVAL", 0.01)
    group._check()
    assert opened[0].connection is not None  # it was used since the last check
    await until(lambda: opened[0].connection is None)
    assert group._check_timer is None
    assert await arecord([Draft("join", "room", "again")])


@pytest.mark.parametrize(("name", "value"), [("CONN_MAX_AGE", 0.001), ("AUTOCOMMIT", False)])
async def test_the_options_of_the_database_are_respected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: Any
) -> None:
    monkeypatch.setitem(connections.settings["default"], name, value)
    monkeypatch.setattr("presence_events._recording.group_commit.is_test_database", lambda connection: False)
    for number in range(3):
        await arecord([Draft("join", "room", f"{number}")])
        await asyncio.sleep(0.002)
    monkeypatch.setitem(connections.settings["default"], "AUTOCOMMIT", True)
    assert await Presence.objects.acount() == 3


async def test_tasks_of_the_recorder_do_not_inherit_the_context_of_a_caller() -> None:
    from contextvars import ContextVar

    variable: ContextVar[str] = ContextVar("variable", default="unset")
    seen = []

    async def receive(**kwargs: Any) -> None:
        seen.append(variable.get())

    aevents_committed.connect(receive)
    variable.set("set by the first caller")
    await arecord([Draft("join", "room", "channel")])
    aevents_committed.disconnect(receive)
    assert seen == ["unset"]


async def test_an_outage_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "presence_events.group_commit"):
        await test_a_read_only_server_counts_as_unavailable()
    assert any("is unavailable, retrying in 0.05 s" in record.getMessage() for record in caplog.records)


def current_group_commit() -> Any:
    from presence_events.recorder import _group_commit

    return _group_commit("default")


def test_a_closed_loop_leaves_no_threads_and_no_group_commit() -> None:
    gc.collect()
    before = threading.active_count(), len(recorder._group_commits)
    for _ in range(5):
        asyncio.run(arecord_from_an_outer_loop())
    gc.collect()
    wait_until(lambda: (threading.active_count(), len(recorder._group_commits)) == before)


async def test_events_that_a_receiver_records_do_not_wait_for_turns_that_wait_for_the_receiver(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    second = asyncio.Event()
    order: list[str] = []

    async def welcome(events: list[PresenceEvent], **kwargs: Any) -> None:
        if "guest1" in [event.channel_name for event in events]:
            second.set()
            await until(lambda: len(current_group_commit()._announcements) == 2)
            await arecord([Draft("join", "room", "host")])
        order.extend(str(event.channel_name) for event in events)

    aevents_committed.connect(welcome)
    first = asyncio.create_task(arecord([Draft("join", "room", "guest1")]))
    await second.wait()
    async with asyncio.timeout(5):
        await arecord([Draft("join", "room", "guest2")])
    await first
    aevents_committed.disconnect(welcome)
    assert order == ["host", "guest1", "guest2"]


async def test_other_events_of_a_batch_do_not_overtake_the_receiver_that_recorded_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order: list[str] = []
    go, together = threading.Event(), []
    write_batch = group_commit.write_batch

    def wait_for_both(alias: str, batch: Any, process: Any) -> Any:
        if together:
            go.wait(5)
        return write_batch(alias, batch, process)

    async def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        order.extend(f"{event.kind} {event.channel_name}" for event in events if event.room == "room")
        if any(event.channel_name == "a" for event in events):
            together.append(True)
            blocker = asyncio.create_task(arecord([Draft("join", "elsewhere", "blocker")]))
            queue = current_group_commit()._queue
            await until(lambda: [write.selection.keys[0] for write in queue._batch] == [("elsewhere", "blocker")])
            own = asyncio.create_task(arecord([Draft("join", "elsewhere", "own")]))
            other.set()
            await until(lambda: len(queue._pending) == 2)
            go.set()
            await asyncio.gather(blocker, own)
            order.append("received a")

    other = asyncio.Event()

    async def leave() -> None:
        await other.wait()
        await arecord([Draft("leave", "room", "b")])

    await arecord([Draft("join", "room", "b")])
    monkeypatch.setattr(group_commit, "write_batch", wait_for_both)
    aevents_committed.connect(receive)
    leaving = asyncio.create_task(leave())
    await arecord([Draft("join", "room", "a")])
    await leaving
    aevents_committed.disconnect(receive)
    assert order == ["join a", "received a", "leave b"]


def test_a_batch_that_is_being_written_when_the_loop_closes_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()
    announced: list[str] = []
    write_batch = group_commit.write_batch

    def write_late(alias: str, batch: Any, process: Any) -> Any:
        cancelled.wait(10)
        return write_batch(alias, batch, process)

    async def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        await asyncio.sleep(0.1)  # not finished when the loop is about to close
        announced.extend(str(event) for event in events)

    async def join() -> None:
        try:
            await Room.objects.aadd("room", "channel")
        finally:
            asyncio.get_running_loop().call_later(0.1, cancelled.set)

    async def main() -> None:
        joining = asyncio.create_task(join())
        await until(lambda: current_group_commit()._queue._batch)
        assert not joining.done()

    monkeypatch.setattr(group_commit, "write_batch", write_late)
    aevents_committed.connect(receive)
    asyncio.run(main())
    aevents_committed.disconnect(receive)
    assert announced == ["join channel room"]


def test_a_batch_that_ends_just_before_the_closing_loop_looks_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has scheduled the announcement, and the loop has not started it yet."""
    announced: list[str] = []

    async def receive(events: list[PresenceEvent], **kwargs: Any) -> None:
        await asyncio.sleep(0.1)
        announced.extend(str(event) for event in events)

    def wait_for_the_thread(queue: WriteQueue) -> bool:
        wait_until(lambda: not queue._is_active)
        return False

    async def main() -> None:
        joining = asyncio.create_task(Room.objects.aadd("room", "channel"))
        await until(lambda: current_group_commit()._queue.is_active)
        monkeypatch.setattr(WriteQueue, "is_active", property(wait_for_the_thread))
        assert not joining.done()

    aevents_committed.connect(receive)
    asyncio.run(main())
    aevents_committed.disconnect(receive)
    assert announced == ["join channel room"]


def test_a_loop_closes_even_if_its_thread_is_blocked(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 0.1
    unblocked = threading.Event()
    write_batch = group_commit.write_batch

    def block(alias: str, batch: Any, process: Any) -> Any:
        unblocked.wait(30)
        return write_batch(alias, batch, process)

    async def main() -> None:
        with pytest.raises(NotRecordedInTime):
            await Room.objects.aadd("room", "channel")

    monkeypatch.setattr(group_commit, "write_batch", block)
    asyncio.run(main())
    assert not unblocked.is_set()
    unblocked.set()
    wait_until(lambda: Presence.objects.count() == 1 and not execute(BACKENDS))


async def test_a_thread_whose_loop_is_closed_stops() -> None:
    closed = asyncio.new_event_loop()
    closed.close()
    group = current_group_commit()
    result: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    selection = select([Draft("join", "room", "channel")])
    assert selection is not None
    group._queue.append(PendingWrite(selection, False, closed.time() + 30, result))

    await asyncio.to_thread(group._write_batches, closed)
    assert not result.done()
    assert await Presence.objects.acount() == 1
    assert group._queue.next_batch() == []
