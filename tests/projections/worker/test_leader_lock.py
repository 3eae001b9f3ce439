"""One worker leads, and another takes over when the leader ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import Error, connection, connections

from presence_events.exceptions import ConnectionIsPooled
from projections._delivery.wakeup import wake
from projections._worker.leader_lock import LeaderLock
from projections.models import Room
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def make_lock() -> Iterator[Callable[..., LeaderLock]]:
    """Makes locks, which are released at the end of the test."""
    locks: list[LeaderLock] = []

    def make(name: str = "projector") -> LeaderLock:
        locks.append(LeaderLock(name, using="default"))
        return locks[-1]

    yield make
    for lock in locks:
        lock.release()


def test_one_leads_until_it_releases_the_lock(make_lock: Callable[..., LeaderLock]) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    assert not one.acquire()


def test_each_name_has_a_leader(make_lock: Callable[..., LeaderLock]) -> None:
    assert make_lock().acquire()
    assert make_lock("reports").acquire()


def test_a_leader_that_loses_its_connection_no_longer_leads(make_lock: Callable[..., LeaderLock]) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(Error):
        one.acquire()
    assert other.acquire()
    assert not one.acquire()


def test_its_connection_does_not_come_from_a_pool_that_would_keep_the_lock(
    make_lock: Callable[..., LeaderLock],
) -> None:
    connection.settings_dict["OPTIONS"]["pool"] = True
    try:
        one, other = make_lock(), make_lock()
    finally:
        del connection.settings_dict["OPTIONS"]["pool"]
    assert one.acquire()
    one.release()
    wait_until(other.acquire)


def test_a_shared_database_connection_is_refused(
    make_lock: Callable[..., LeaderLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next client gets the same one, as behind PgBouncer in transaction mode. The lock would stay there."""
    one, other = make_lock(), make_lock()
    monkeypatch.setattr(type(connections["default"]), "copy", lambda self: self)
    with pytest.raises(ConnectionIsPooled, match="--database"):
        one.acquire()
    monkeypatch.undo()
    assert other.acquire()


def test_a_waiting_leader_can_be_woken(make_lock: Callable[..., LeaderLock]) -> None:
    lock = make_lock()
    assert lock.acquire()
    woken = threading.Event()

    def wake_until_woken() -> None:
        wait_until(lambda: wake("default") or woken.is_set())
        connection.close()

    thread = threading.Thread(target=wake_until_woken)
    thread.start()
    lock.wait(3600)
    woken.set()
    thread.join()


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_recording_wakes_the_leader_if_that_is_configured(
    is_coroutine: bool, settings: Any, make_lock: Callable[..., LeaderLock]
) -> None:
    settings.CHANNELS_PRESENCE_NOTIFY = True
    lock = make_lock()
    assert lock.acquire()
    lock.wait(0)
    asyncio.run(join()) if is_coroutine else Room.objects.add("room", "channel")
    lock.wait(3600)


async def join() -> None:
    await Room.objects.aadd("room", "channel")
    await sync_to_async(connections.close_all)()
