"""Receivers that are coroutine functions can read the users of all signals."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord, record
from projections._delivery import dispatch, event_users
from projections._worker.log_follower import Follower
from projections.models import Presence, Room
from projections.signals import presence_changed, presence_updated

pytestmark = pytest.mark.django_db(transaction=True)


class Names:
    """The names that coroutine receivers have read from the signals."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def changed(self, added: Any, removed: Any, events: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0)
        if presence := added or removed:
            self._read(presence, "presence")
        for event in events:
            self._read(event, event.kind)

    async def updated(self, presence: Any, events: Any, **kwargs: Any) -> None:
        self._read(presence, "presence")
        self._read(events[0], "touch")

    def _read(self, row: Any, label: str) -> None:
        self.read.append(f"{label} {row.user and row.user.get_username()}")


@pytest.fixture
def names() -> Iterator[Names]:
    reader = Names()
    with connected(reader.changed, presence_changed), connected(reader.updated, presence_updated):
        yield reader


@contextmanager
def connected(receiver: Any, *signals: Any) -> Iterator[None]:
    with ExitStack() as stack:
        for signal in signals:
            signal.connect(receiver, weak=False)
            stack.callback(signal.disconnect, receiver)
        yield


def live(user: Any) -> None:
    Room.objects.add("room", "channel", user)
    Presence.objects.touch("channel", "away")
    Room.objects.remove("room", "channel")
    Room.objects.add("room", "channel", user)
    Room.objects.prune_presences(0)


async def alive(user: Any) -> None:
    await Room.objects.aadd("room", "channel", user)
    await Presence.objects.atouch("channel", "away")
    await Room.objects.aremove("room", "channel")
    await Room.objects.aadd("room", "channel", user)
    await Room.objects.aprune_presences(0)


READ = [
    *("presence ada", "join ada"),
    *("presence ada", "touch ada"),
    *("presence ada", "leave ada"),
    *("presence ada", "join ada"),
    "prune ada",
]


def test_after_synchronous_calls(names: Names, user: Any, caplog: pytest.LogCaptureFixture) -> None:
    live(user)
    assert (names.read, caplog.records) == (READ, [])


async def test_after_calls_of_coroutines(names: Names, user: Any, caplog: pytest.LogCaptureFixture) -> None:
    await alive(user)
    assert (names.read, caplog.records) == (READ, [])


def test_from_a_worker(names: Names, user: Any, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    follower = Follower("projector", using="default")
    live(user)
    while follower.step() or follower.is_behind:
        """Each step delivers a batch."""
    assert (names.read, caplog.records) == (READ, [])


def test_when_signals_are_sent_again(names: Names, user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live(user)
    names.read.clear()
    monkeypatch.setattr(dispatch, "RESEND_BATCH", 2)
    call_command("presence_resend", "..", stdout=StringIO(), stderr=StringIO())
    assert names.read == READ


@pytest.fixture
def crowd(django_user_model: Any) -> list[Any]:
    return [django_user_model.objects.create_user(f"user-{number}") for number in range(20)]


@pytest.mark.usefixtures("names")
def test_the_users_of_a_delivery_are_one_query(crowd: list[Any]) -> None:
    record([Draft("join", f"room-{number % 3}", str(number), member) for number, member in enumerate(crowd)])
    with CaptureQueriesContext(
        connection,
    ) as queries:
        Room.objects.prune_presences(0)
    (_, users) = [query["sql"] for query in queries if "SELECT" in query["sql"]]
    assert crowd[0]._meta.db_table in users


@pytest.mark.parametrize("receiver", [None, lambda **kwargs: None])
def test_nothing_is_fetched_unless_a_coroutine_function_is_connected(receiver: Any, crowd: list[Any]) -> None:
    record([Draft("join", "room", str(number), member) for number, member in enumerate(crowd)])
    with connected(receiver, *([presence_changed] if receiver else [])), CaptureQueriesContext(connection) as queries:
        Room.objects.prune_presences(0)
    assert len(queries) == 1


@pytest.mark.usefixtures("names")
def test_nothing_is_fetched_for_anonymous_connections_and_touches_without_data(user: Any) -> None:
    Room.objects.add("room", "anonymous")
    Room.objects.add("hall", "known", user)
    with CaptureQueriesContext(connection) as queries:
        Presence.objects.leave_all("anonymous")
        record([Draft("touch", "hall", "known")])
    assert len(queries) == 2


def test_a_deleted_user_is_none(names: Names, user: Any) -> None:
    Room.objects.add("room", "channel", user)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {user._meta.db_table}")
    names.read.clear()
    Presence.objects.leave_all("channel")
    assert names.read == ["presence None", "leave None"]


@pytest.mark.parametrize("failures", [1, 2])
def test_receivers_are_called_if_the_users_cannot_be_fetched(
    failures: int, names: Names, user: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    remaining = [OperationalError("unavailable")] * failures
    fetch = event_users.fetch_users

    def fail(events: Any) -> None:
        if remaining:
            raise remaining.pop()
        fetch(events)

    monkeypatch.setattr(event_users, "fetch_users", fail)

    async def call() -> None:
        await Room.objects.aadd("room", "anonymous")
        await Room.objects.aadd("room", "channel", user)
        await Room.objects.aremove("room", "channel")

    with caplog.at_level(logging.CRITICAL, "projections"), caplog.at_level(logging.WARNING, "projections.signals"):
        asyncio.run(call())
    messages = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    if failures == 1:
        assert names.read[-2:] == ["presence ada", "leave ada"]
        assert messages == []
    else:
        assert messages == ["The users of 1 events could not be fetched for receivers: unavailable"]
    assert PresenceEvent.objects.of_rooms().count() == 3


async def test_users_of_many_coroutines_are_fetched_together(
    names: Names, crowd: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[int] = []
    prefetch = event_users.prefetch_related_objects

    def count(events: Any, *lookups: Any) -> None:
        fetched.append(len(events))
        prefetch(events, *lookups)

    monkeypatch.setattr(event_users, "prefetch_related_objects", count)
    await arecord([Draft("join", "room", str(number), member) for number, member in enumerate(crowd)])
    assert fetched == []
    await Room.objects.aprune_presences(0)
    assert fetched == [20]
    assert set(names.read[-20:]) == {f"prune {member.get_username()}" for member in crowd}
