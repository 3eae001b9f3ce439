"""Signals that are sent from the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import connection

from presence_events.exceptions import CheckpointMoved
from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections import worker as module
from projections.models import DeadLetter, Presence, Room
from projections.signals import presence_changed, presence_updated
from projections.worker import TRIES, Worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def by_worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    monkeypatch.setattr(module, "PAUSE", 0)


@pytest.fixture
def worker() -> Worker:
    return Worker("projector", using="default")


@contextmanager
def listening(receiver: Any, signal: Any = presence_changed) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def told(signals: list[dict[str, Any]]) -> list[str]:
    return [str(event) for signal in signals for event in signal["events"]]


def test_whoever_records_sends_nothing_and_the_worker_everything(
    worker: Worker, signals: list[dict[str, Any]], user: Any
) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    Room.objects.remove("room", "channel")
    assert signals == []
    assert worker.step(100) == 2
    assert told(signals) == ["join channel room", "leave channel room"]
    added = signals[0]["added"]
    assert (added.channel_name, added.user_id, added.data, signals[0]["replayed"]) == (
        "channel",
        user.pk,
        {"a": 1},
        False,
    )
    assert signals[1]["removed"].channel_name == "channel"
    assert worker.step(100) == 0


async def test_coroutines_leave_it_to_the_worker_too(signals: list[dict[str, Any]]) -> None:
    await Room.objects.aadd("room", "channel")
    assert signals == []


def test_whoever_joins_is_in_the_group_at_once(worker: Worker) -> None:
    Room.objects.add("room", "channel")
    assert "channel" in get_channel_layer().groups["room"]


def test_events_that_somebody_inserted_have_signals(worker: Worker, signals: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'room', 'by-hand')")
    worker.step(100)
    assert told(signals) == ["join by-hand room"]


def test_news_is_signalled_and_touches_alone_are_not(worker: Worker) -> None:
    received: list[Any] = []
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Presence.objects.touch("channel", {"status": "away"})
    with listening(lambda presence, **kwargs: received.append(presence.data), presence_updated):
        assert worker.step(100) == 2
    assert received == [{"status": "away"}]


def test_prunes_of_one_transaction_are_one_signal_a_room(worker: Worker, signals: list[dict[str, Any]]) -> None:
    for channel in ("a", "b"):
        Room.objects.add("room", channel)
    worker.step(100)
    Room.objects.prune_presences(0)
    worker.step(100)
    assert signals[-1]["bulk_change"] is True
    assert told(signals[-1:]) == ["prune a room", "prune b room"]


def test_who_has_gone_leaves_the_group_though_nobody_said_so(worker: Worker) -> None:
    """The process that recorded it died before it got to it."""
    Room.objects.add("room", "channel")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('prune', 'room', 'channel')")
    assert "channel" in get_channel_layer().groups["room"]
    worker.step(100)
    assert "channel" not in get_channel_layer().groups.get("room", {})


def test_who_is_back_stays_in_the_group(worker: Worker) -> None:
    for _ in range(2):
        Room.objects.add("room", "channel")
        Room.objects.remove("room", "channel")
    Room.objects.add("room", "channel")
    worker.step(3)
    assert "channel" in get_channel_layer().groups["room"]


def test_a_receiver_that_fails_is_asked_again(
    worker: Worker, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def receiver(events: list[PresenceEvent], **kwargs: Any) -> None:
        asked.append(events[0].kind)
        if len(asked) < TRIES:
            raise RuntimeError("not yet")

    Room.objects.add("room", "channel")
    with listening(receiver), caplog.at_level(logging.CRITICAL):
        worker.step(100)
    assert asked == ["join"] * TRIES
    assert told(signals) == ["join channel room"]
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_receiver_that_keeps_failing_stops_nobody_and_is_found_afterwards(
    is_coroutine: bool, worker: Worker, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def broken(events: list[PresenceEvent], **kwargs: Any) -> None:
        asked.append(events[0].id)
        raise RuntimeError("never")

    async def abroken(events: list[PresenceEvent], **kwargs: Any) -> None:
        broken(events)

    Room.objects.add("room", "channel")
    Room.objects.remove("room", "channel")
    first, second = PresenceEvent.objects.values_list("id", flat=True)
    with listening(abroken if is_coroutine else broken), caplog.at_level(logging.CRITICAL):
        assert worker.step(100) == 2
    assert asked == [first] * TRIES + [second]
    assert told(signals) == ["join channel room", "leave channel room"]
    letters = list(DeadLetter.objects.order_by("position").values_list("position", "positions", "tries", "error"))
    assert letters == [(first, 1, TRIES, "RuntimeError('never')"), (second, 1, 1, "RuntimeError('never')")]
    assert "broken" in str(DeadLetter.objects.first())
    assert worker.step(100) == 0


def test_a_receiver_that_has_recovered_is_asked_again_as_often(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []
    failing = {"a", "c"}

    def receiver(events: list[PresenceEvent], **kwargs: Any) -> None:
        asked.append(str(events[0].channel_name))
        if events[0].channel_name in failing:
            raise RuntimeError

    for channel in ("a", "b", "c"):
        Room.objects.add("room", channel)
    with listening(receiver), caplog.at_level(logging.CRITICAL):
        worker.step(100)
    assert asked == ["a"] * TRIES + ["b"] + ["c"] * TRIES


def test_batches_are_bounded(worker: Worker, signals: list[dict[str, Any]]) -> None:
    record([Draft("join", "room", channel) for channel in "abcde"])
    assert worker.step(2) == 2
    assert worker.is_behind
    assert len(signals) == 2
    while worker.step(2) or worker.is_behind:
        pass
    assert told(signals) == [f"join {channel} room" for channel in "abcde"]


def test_a_worker_that_died_is_followed_by_one_that_delivers_what_is_missing(
    worker: Worker, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "channel")

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("presence_events.checkpoints.Reader.store", dies)
        worker.step(100)
    assert Worker("projector", using="default").step(100) == 1
    assert told(signals) == ["join channel room"] * 2


def test_of_two_workers_one_is_told(worker: Worker) -> None:
    other = Worker("projector", using="default")
    Room.objects.add("room", "channel")
    worker.step(100)
    with pytest.raises(CheckpointMoved):
        other.step(100)
