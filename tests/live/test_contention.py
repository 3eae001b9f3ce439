"""Calls that wait for a lock or are refused by the database, among many other concurrent calls."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError, connection

from presence_events._recording import batch_writer
from presence_events.exceptions import NotRecordedInTime
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.concurrency.conftest import DatabaseConnection
from tests.fold import assert_live_is_the_fold
from tests.waiting import until, wait_until

Trigger = Callable[[LiteralString, LiteralString], None]

pytestmark = pytest.mark.django_db(transaction=True)

UNBLOCKED_TIMEOUT = 40
"""Seconds for calls that need no locked row.

Shorter than CHANNELS_PRESENCE_RECORD_TIMEOUT and the lifetime of the lock, so a call that waits for the lock fails.
"""

GATE = 4711
"""The key of the advisory lock that holds up a statement."""


@pytest.fixture(autouse=True)
def _record_timeout(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 60


@pytest.fixture
def locker() -> Iterator[DatabaseConnection]:
    """A database connection whose transaction keeps its locks for at most 90 seconds, less than the test's timeout."""
    locker = DatabaseConnection()
    locker.run("SET idle_in_transaction_session_timeout = '90s'")
    locker.commit()
    yield locker
    locker.rollback()
    locker.close()


@pytest.fixture
def trigger(locker: DatabaseConnection) -> Iterator[Trigger]:
    """Returns a function that creates a trigger of the project's own.

    It executes a statement after events whose channel name matches a LIKE pattern.
    """
    owner = DatabaseConnection()

    def create(pattern: LiteralString, statement: LiteralString) -> None:
        owner.connection.execute(
            f"CREATE FUNCTION users_own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {statement}; RETURN NULL; END'"
        )
        owner.connection.execute(
            "CREATE TRIGGER users_own AFTER INSERT ON presence_event FOR EACH ROW "
            f"WHEN (NEW.channel_name LIKE '{pattern}') EXECUTE FUNCTION users_own()"
        )
        owner.commit()

    yield create
    locker.rollback()
    owner.run("DROP FUNCTION IF EXISTS users_own() CASCADE")
    owner.commit()
    owner.close()


@pytest.fixture
def gate() -> Iterator[DatabaseConnection]:
    """A database connection that holds the advisory lock `GATE` until its transaction ends."""
    gate = DatabaseConnection()
    gate.run("SELECT pg_advisory_xact_lock(%s)", GATE)
    yield gate
    gate.rollback()
    gate.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collects, for every statement that is sent to the database for a batch, the number of its selections."""
    sizes: list[int] = []
    original = batch_writer._try_write

    def try_write(alias: str, batch: list[Any], *arguments: Any) -> Exception | None:
        sizes.append(len(batch))
        return original(alias, batch, *arguments)

    monkeypatch.setattr(batch_writer, "_try_write", try_write)
    return sizes


@pytest.fixture(autouse=True)
def _live_is_the_fold(locker: DatabaseConnection) -> Iterator[None]:
    yield
    locker.rollback()
    assert_live_is_the_fold()


async def test_other_callers_continue_while_a_row_is_locked(locker: DatabaseConnection) -> None:
    await _join("room", _names("other", 200))
    await Room.objects.aadd("room", "locked")
    locker.append("touch", channel="locked")
    waiting = asyncio.ensure_future(Presence.objects.atouch("locked"))
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        for number in range(3):
            touches = asyncio.gather(*map(Presence.objects.atouch, _names("other", 200)))
            await asyncio.gather(touches, _join("room", _names(f"new{number}", 100)))
            assert touches.result() == [1] * 200
    assert not waiting.done()
    await sync_to_async(locker.commit)()
    assert await waiting == 1


async def test_calls_for_a_locked_row_follow_in_order_when_the_lock_is_released(locker: DatabaseConnection) -> None:
    await Room.objects.aadd("room", "locked")
    await Room.objects.aadd("room", "other")
    locker.append("touch", channel="locked")
    waiting = [
        asyncio.ensure_future(call)
        for call in (
            Presence.objects.atouch("locked", {"n": 1}),
            Room.objects.aremove("room", "locked"),
            Room.objects.aadd("room", "locked"),
        )
    ]
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        assert await Presence.objects.atouch("other") == 1
    assert not any(call.done() for call in waiting)
    await sync_to_async(locker.commit)()
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        assert (await asyncio.gather(*waiting))[0] == 1
    events = PresenceEvent.objects.filter(channel_name="locked").order_by("id")
    assert [event.kind async for event in events] == ["join", "touch", "touch", "leave", "join"]


async def test_a_call_that_waits_for_a_lock_for_too_long_fails_in_time(
    locker: DatabaseConnection, settings: Any
) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 1
    await _join("room", ["locked", "other"])
    locker.append("touch", channel="locked")
    began = time.monotonic()
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        with pytest.raises(NotRecordedInTime, match="lock timeout"):
            await Presence.objects.atouch("locked")
    assert time.monotonic() - began > 0.9


async def test_other_callers_continue_after_a_call_has_waited_for_a_lock_for_too_long(
    locker: DatabaseConnection,
    gate: DatabaseConnection,
    trigger: Trigger,
    statements: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The call for the locked row expires while the statement of a second call runs, for which a third call waits."""
    loop = asyncio.get_running_loop()
    loop_time, skipped = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: loop_time() + skipped)
    await _join("room", ["locked", "slow", "other"])
    trigger("slow", f"WHILE NOT pg_try_advisory_xact_lock({GATE}) LOOP PERFORM pg_sleep(0.01); END LOOP")
    locker.append("touch", channel="locked")
    statements.clear()
    locked = asyncio.ensure_future(Presence.objects.atouch("locked"))
    await until(lambda: statements)
    skipped += 50
    slow = asyncio.ensure_future(Presence.objects.atouch("slow"))
    await sync_to_async(wait_until)(_is_held_up)
    other = asyncio.ensure_future(Presence.objects.atouch("other"))
    await asyncio.sleep(0)
    skipped += 20
    await asyncio.wait([locked])
    assert isinstance(locked.exception(), NotRecordedInTime)
    assert not slow.done()
    assert not other.done()
    await sync_to_async(gate.rollback)()
    assert await other == 1
    assert await slow == 1
    assert await Presence.objects.atouch("other") == 1


def test_an_event_loop_closes_while_a_call_waits_for_a_lock(locker: DatabaseConnection, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 1
    Room.objects.add("room", "locked")
    locker.append("touch", channel="locked")

    async def abandon_call() -> None:
        call = asyncio.ensure_future(Presence.objects.atouch("locked"))
        await asyncio.wait([call], timeout=0.3)

    thread = threading.Thread(target=asyncio.run, args=[abandon_call()])
    thread.start()
    thread.join(UNBLOCKED_TIMEOUT)
    closed = not thread.is_alive()
    locker.rollback()
    thread.join()
    assert closed


@pytest.mark.parametrize("locked", [80, 300])
async def test_other_callers_continue_while_many_rows_are_locked(
    locker: DatabaseConnection, statements: list[int], locked: int
) -> None:
    names = _names("locked", locked)
    await _join("room", names)
    await _join("room", ["other"])
    for name in names:
        locker.append("touch", channel=name)
    waiting = [asyncio.ensure_future(Presence.objects.atouch(name)) for name in names]
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        # Finding out which rows are locked takes at least a statement for each of them, but only once.
        for _ in range(2):
            assert await Presence.objects.atouch("other") == 1
        for _ in range(3):
            before = len(statements)
            assert await Presence.objects.atouch("other") == 1
            assert len(statements) - before < locked
    assert not any(call.done() for call in waiting)
    await sync_to_async(locker.commit)()
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        assert await asyncio.gather(*waiting) == [1] * locked


async def test_joins_wait_for_the_prune_of_their_room_and_joins_of_other_rooms_do_not(
    locker: DatabaseConnection,
) -> None:
    await Room.objects.aadd("pruned", "channel")
    await Room.objects.aremove("pruned", "channel")
    locker.append("prune", "pruned", None)
    waiting = asyncio.ensure_future(_join("pruned", _names("arrival", 50)))
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        for number in range(5):
            await Room.objects.aadd("room", f"channel{number}")
    assert not waiting.done()
    await sync_to_async(locker.commit)()
    async with asyncio.timeout(UNBLOCKED_TIMEOUT):
        await waiting
    assert await Presence.objects.filter(room="pruned").acount() == 50


@pytest.mark.parametrize("bad", [1, 5])
async def test_an_event_that_the_database_refuses_fails_only_its_own_caller(bad: int, trigger: Trigger) -> None:
    good, refused = _names("good", 500), _names("bad", bad)
    names = good[:250] + refused + good[250:]
    trigger("bad%", "RAISE EXCEPTION $$not % in here$$, NEW.channel_name")
    answers = await asyncio.gather(*(Room.objects.aadd("room", name) for name in names), return_exceptions=True)
    touches = await asyncio.gather(*map(Presence.objects.atouch, names))
    for name, answer, touched in zip(names, answers, touches, strict=True):
        if name in refused:
            assert isinstance(answer, DatabaseError)
            assert f"not {name} in here" in str(answer)
        else:
            assert isinstance(answer, Room)
        assert touched == (name in good)
    assert await Presence.objects.acount() == 500


def _names(name: str, number: int) -> list[str]:
    return [f"{name}!{each}" for each in range(number)]


async def _join(room: str, names: list[str]) -> None:
    await asyncio.gather(*(Room.objects.aadd(room, name) for name in names))


def _is_held_up() -> bool:
    """Returns whether a statement waits for the gate."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
        return cursor.fetchone() is not None
