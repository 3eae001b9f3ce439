"""One leads, and another takes over when it is gone."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import Error, connection, connections, transaction

from presence_events.exceptions import ConnectionIsPooled
from projections._delivery.notify import wake
from projections._worker.leader_lock import LeaderLock
from projections.models import Room
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def leadership() -> Iterator[Callable[..., LeaderLock]]:
    made: list[LeaderLock] = []

    def make(name: str = "projector") -> LeaderLock:
        made.append(LeaderLock(name, using="default"))
        return made[-1]

    yield make
    for each in made:
        each.release()


def test_one_leads_until_it_resigns(leadership: Callable[..., LeaderLock]) -> None:
    one, other = leadership(), leadership()
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    assert not one.acquire()


def test_other_names_have_leaders_of_their_own(leadership: Callable[..., LeaderLock]) -> None:
    assert leadership().acquire()
    assert leadership("reports").acquire()


def test_whoever_loses_the_connection_no_longer_leads(leadership: Callable[..., LeaderLock]) -> None:
    one, other = leadership(), leadership()
    assert one.acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(Error):
        one.acquire()
    assert other.acquire()
    assert not one.acquire()


def test_it_does_not_share_a_pool_that_would_keep_the_lock(leadership: Callable[..., LeaderLock]) -> None:
    connection.settings_dict["OPTIONS"]["pool"] = True
    try:
        one, other = leadership(), leadership()
    finally:
        del connection.settings_dict["OPTIONS"]["pool"]
    assert one.acquire()
    one.release()
    wait_until(other.acquire)


def test_a_session_that_is_lent_out_is_refused(
    leadership: Callable[..., LeaderLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next to connect gets the same one, as behind PgBouncer in transaction mode: the lock would stay there."""
    one, other = leadership(), leadership()
    monkeypatch.setattr(type(connections["default"]), "copy", lambda self: self)
    with pytest.raises(ConnectionIsPooled, match="--database"):
        one.acquire()
    monkeypatch.undo()
    assert other.acquire()


def test_whoever_waits_can_be_woken(leadership: Callable[..., LeaderLock]) -> None:
    one = leadership()
    assert one.acquire()
    woken = threading.Event()

    def wake_until_it_is() -> None:
        wait_until(lambda: wake("default") or woken.is_set())
        connection.close()

    thread = threading.Thread(target=wake_until_it_is)
    thread.start()
    one.wait(3600)
    woken.set()
    thread.join()


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_whoever_records_wakes_the_worker_if_that_is_set(
    is_coroutine: bool, settings: Any, leadership: Callable[..., LeaderLock]
) -> None:
    settings.CHANNELS_PRESENCE_NOTIFY = True
    one = leadership()
    assert one.acquire()
    one.wait(0)
    asyncio.run(join()) if is_coroutine else Room.objects.add("room", "channel")
    one.wait(3600)


async def join() -> None:
    await Room.objects.aadd("room", "channel")
    await sync_to_async(connections.close_all)()


def test_whoever_cannot_wake_the_worker_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    with transaction.atomic():
        with pytest.raises(Error), connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")
        with caplog.at_level(logging.WARNING):
            wake("default")
        transaction.set_rollback(True)
    assert "Could not wake the worker" in caplog.text
