"""Calls that wait for what somebody else is changing, and calls that the database refuses, among many others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, LiteralString

import pytest
from asgiref.sync import sync_to_async
from django.db import DatabaseError

from presence_events.exceptions import NotRecordedInTime
from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.concurrency.conftest import Session
from tests.fold import assert_live_is_the_fold

Trigger = Callable[[LiteralString, LiteralString], None]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elsewhere() -> Iterator[Session]:
    """A connection whose transaction stays open, though not for as long as a test may hang."""
    session = Session()
    session.run("SET idle_in_transaction_session_timeout = '20s'")
    session.commit()
    yield session
    session.rollback()
    session.close()


@pytest.fixture
def trigger(elsewhere: Session) -> Iterator[Trigger]:
    """Makes a trigger of the user's own, that does something after events of the channels that are like a pattern."""
    session = Session()

    def make(pattern: LiteralString, does: LiteralString) -> None:
        session.connection.execute(
            f"CREATE FUNCTION users_own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {does}; RETURN NULL; END'"
        )
        session.connection.execute(
            "CREATE TRIGGER users_own AFTER INSERT ON presence_event FOR EACH ROW "
            f"WHEN (NEW.channel_name LIKE '{pattern}') EXECUTE FUNCTION users_own()"
        )
        session.commit()

    yield make
    elsewhere.rollback()
    session.run("DROP FUNCTION IF EXISTS users_own() CASCADE")
    session.commit()
    session.close()


@pytest.fixture(autouse=True)
def _the_fold_agrees(elsewhere: Session) -> Iterator[None]:
    yield
    elsewhere.rollback()
    assert_live_is_the_fold()


async def test_others_go_on_while_a_row_is_locked_and_its_own_calls_follow_in_order(elsewhere: Session) -> None:
    await _join("room", _names("other", 200))
    await Room.objects.aadd("room", "locked")
    elsewhere.append("touch", channel="locked")
    waiting = [
        asyncio.ensure_future(call)
        for call in (
            Presence.objects.atouch("locked", {"n": 1}),
            Room.objects.aremove("room", "locked"),
            Room.objects.aadd("room", "locked"),
        )
    ]
    for number in range(3):
        began = time.monotonic()
        touches = asyncio.gather(*map(Presence.objects.atouch, _names("other", 200)))
        await asyncio.gather(touches, _join("room", _names(f"new{number}", 100)))
        assert touches.result() == [1] * 200
        assert time.monotonic() - began < 1.5
    assert not any(call.done() for call in waiting)
    await sync_to_async(elsewhere.commit)()
    began = time.monotonic()
    assert (await asyncio.gather(*waiting))[0] == 1
    assert time.monotonic() - began < 0.5
    events = PresenceEvent.objects.filter(channel_name="locked").order_by("id")
    assert [event.kind async for event in events] == ["join", "touch", "touch", "leave", "join"]


async def test_whoever_waits_for_a_lock_for_too_long_is_told_so_in_time(elsewhere: Session, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 1
    await _join("room", ["locked", "other"])
    elsewhere.append("touch", channel="locked")
    began = time.monotonic()
    with pytest.raises(NotRecordedInTime, match="lock timeout"):
        await Presence.objects.atouch("locked")
    assert 0.9 < time.monotonic() - began < 2.5


async def test_others_go_on_after_somebody_has_waited_for_a_lock_for_too_long(
    elsewhere: Session, settings: Any, trigger: Trigger
) -> None:
    """The time of who waits is over while the statement of another is on its way, and a third waits for that one."""
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 1
    await _join("room", ["locked", "slow", "other"])
    trigger("slow", "PERFORM pg_sleep(1)")
    elsewhere.append("touch", channel="locked")
    async with asyncio.timeout(10):
        answers = await asyncio.gather(
            Presence.objects.atouch("locked"),
            _later(0.7, Presence.objects.atouch("slow")),
            _later(1.2, Presence.objects.atouch("other")),
            return_exceptions=True,
        )
    assert isinstance(answers[0], NotRecordedInTime)
    assert answers[2] == 1
    async with asyncio.timeout(5):
        assert await Presence.objects.atouch("other") == 1


def test_an_event_loop_closes_although_somebody_waits_for_a_lock(elsewhere: Session, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_RECORD_TIMEOUT = 1
    Room.objects.add("room", "locked")
    elsewhere.append("touch", channel="locked")

    async def leave_it_waiting() -> None:
        call = asyncio.ensure_future(Presence.objects.atouch("locked"))
        await asyncio.wait([call], timeout=0.3)

    thread = threading.Thread(target=asyncio.run, args=[leave_it_waiting()])
    thread.start()
    thread.join(10)
    closed = not thread.is_alive()
    elsewhere.rollback()
    thread.join()
    assert closed


@pytest.mark.parametrize("locked", [80, 300])
async def test_others_go_on_however_many_rows_are_locked(elsewhere: Session, locked: int) -> None:
    names = _names("locked", locked)
    await _join("room", names)
    await _join("room", ["other"])
    for name in names:
        elsewhere.append("touch", channel=name)
    waiting = [asyncio.ensure_future(Presence.objects.atouch(name)) for name in names]
    # To find out which ones are locked takes a while, once.
    for seconds in (10, 10, 1, 1, 1):
        async with asyncio.timeout(seconds):
            assert await Presence.objects.atouch("other") == 1
    assert not any(call.done() for call in waiting)
    await sync_to_async(elsewhere.commit)()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*waiting) == [1] * locked


async def test_joins_of_a_room_that_is_being_pruned_wait_and_other_rooms_do_not(elsewhere: Session) -> None:
    await Room.objects.aadd("pruned", "channel")
    await Room.objects.aremove("pruned", "channel")
    elsewhere.append("prune", "pruned", None)
    waiting = asyncio.ensure_future(_join("pruned", _names("arrival", 50)))
    for number in range(5):
        async with asyncio.timeout(3):
            await Room.objects.aadd("room", f"channel{number}")
    assert not waiting.done()
    await sync_to_async(elsewhere.commit)()
    async with asyncio.timeout(10):
        await waiting
    assert await Presence.objects.filter(room="pruned").acount() == 50


@pytest.mark.parametrize("bad", [1, 5])
async def test_what_the_database_refuses_fails_its_caller_alone(bad: int, trigger: Trigger) -> None:
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


async def _later(seconds: float, call: Coroutine[Any, Any, Any]) -> Any:
    await asyncio.sleep(seconds)
    return await call
