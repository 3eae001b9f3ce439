"""Signals that are sent from the log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import connection, transaction

from presence_events import connections
from presence_events.checkpoints import reset
from presence_events.exceptions import CheckpointMoved
from presence_events.models import Checkpoint, PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.tail import Mark
from projections._worker import follower as module
from projections._worker.follower import TRIES, Worker
from projections.models import DeadLetter, Presence, Room
from projections.signals import presence_changed, presence_updated

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


def deliver(worker: Worker) -> int:
    """All that is in the log by now. Returns how many events that was."""
    delivered = worker.step()
    while worker.is_behind:
        delivered += worker.step()
    return delivered


def told(signals: list[dict[str, Any]]) -> list[str]:
    return [str(event) for signal in signals for event in signal["events"]]


def test_whoever_records_sends_nothing_and_the_worker_everything(
    worker: Worker, signals: list[dict[str, Any]], user: Any
) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    Room.objects.remove("room", "channel")
    assert signals == []
    assert deliver(worker) == 2
    assert told(signals) == ["join channel room", "leave channel room"]
    added = signals[0]["added"]
    assert (added.channel_name, added.user_id, added.data, signals[0]["replayed"]) == (
        "channel",
        user.pk,
        {"a": 1},
        False,
    )
    assert signals[1]["removed"].channel_name == "channel"
    assert deliver(worker) == 0


async def test_coroutines_leave_it_to_the_worker_too(signals: list[dict[str, Any]]) -> None:
    await Room.objects.aadd("room", "channel")
    assert signals == []


def test_whoever_joins_is_in_the_group_at_once(worker: Worker) -> None:
    Room.objects.add("room", "channel")
    assert "channel" in get_channel_layer().groups["room"]


def test_events_that_somebody_inserted_have_signals(worker: Worker, signals: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'room', 'by-hand')")
    deliver(worker)
    assert told(signals) == ["join by-hand room"]


def test_news_is_signalled_and_touches_alone_are_not(worker: Worker) -> None:
    received: list[Any] = []
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Presence.objects.touch("channel", {"status": "away"})
    with listening(lambda presence, **kwargs: received.append(presence.data), presence_updated):
        assert deliver(worker) == 2
    assert received == [{"status": "away"}]


def test_prunes_of_one_transaction_are_one_signal_a_room(worker: Worker, signals: list[dict[str, Any]]) -> None:
    for channel in ("a", "b"):
        Room.objects.add("room", channel)
    deliver(worker)
    Room.objects.prune_presences(0)
    deliver(worker)
    assert signals[-1]["bulk_change"] is True
    assert told(signals[-1:]) == ["prune a room", "prune b room"]


def test_who_has_gone_leaves_the_group_though_nobody_said_so(worker: Worker) -> None:
    """The process that recorded it died before it got to it."""
    Room.objects.add("room", "channel")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('prune', 'room', 'channel')")
    assert "channel" in get_channel_layer().groups["room"]
    deliver(worker)
    assert "channel" not in get_channel_layer().groups.get("room", {})


def test_who_is_back_stays_in_the_group(worker: Worker) -> None:
    for _ in range(2):
        Room.objects.add("room", "channel")
        Room.objects.remove("room", "channel")
    Room.objects.add("room", "channel")
    deliver(worker)
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
        deliver(worker)
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
        assert deliver(worker) == 2
    assert asked == [first] * TRIES + [second]
    assert told(signals) == ["join channel room", "leave channel room"]
    letters = list(DeadLetter.objects.order_by("first").values_list("first", "last", "tries", "error"))
    assert letters == [(first, first, TRIES, "RuntimeError('never')"), (second, second, 1, "RuntimeError('never')")]
    assert "broken" in str(DeadLetter.objects.first())
    assert deliver(worker) == 0


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
        deliver(worker)
    assert asked == ["a"] * TRIES + ["b"] + ["c"] * TRIES


def test_batches_are_bounded(worker: Worker, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    record([Draft("join", "room", channel) for channel in "abcde"])
    assert worker.step() == 2
    assert worker.is_behind
    assert len(signals) == 2
    assert deliver(worker) == 3
    assert told(signals) == [f"join {channel} room" for channel in "abcde"]


def test_a_batch_that_takes_long_is_cut_short(
    worker: Worker, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LONG", 0)
    record([Draft("join", "room", channel) for channel in "abc"])
    assert worker.step() == 3
    assert told(signals) == ["join a room"]
    deliver(Worker("projector", using="default"))
    assert told(signals) == [f"join {channel} room" for channel in "abc"]


def join_elsewhere() -> None:
    Room.objects.add("other", "c")
    connection.close()


def test_a_worker_that_died_is_followed_by_one_that_delivers_what_is_missing(
    worker: Worker, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "channel")

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("presence_events.checkpoints.Reader.store", dies)
        deliver(worker)
    assert deliver(Worker("projector", using="default")) == 1
    assert told(signals) == ["join channel room"] * 2


def test_of_two_workers_one_is_told(worker: Worker) -> None:
    other = Worker("projector", using="default")
    Room.objects.add("room", "channel")
    deliver(worker)
    with pytest.raises(CheckpointMoved):
        deliver(other)


def test_whoever_has_nothing_to_do_notices_that_the_checkpoint_was_reset(
    worker: Worker, signals: list[dict[str, Any]]
) -> None:
    Room.objects.add("room", "channel")
    deliver(worker)
    reset("projector", Mark.after(0, "default"), using="default")
    with pytest.raises(CheckpointMoved):
        deliver(worker)


def test_many_touches_are_passed_over_bit_by_bit(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.tail.STRETCH", 2)
    Room.objects.add("room", "channel")
    deliver(worker)
    for _ in range(5):
        Presence.objects.touch("channel")
    assert (worker.step(), worker.is_behind) == (0, True)
    assert deliver(worker) == 0


def test_touches_alone_move_the_checkpoint_now_and_then(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    Room.objects.add("room", "channel")
    deliver(worker)
    before = Checkpoint.objects.get()
    Presence.objects.touch("channel")
    assert deliver(worker) == 0
    assert Checkpoint.objects.get().mark == before.mark
    monkeypatch.setattr(module, "STORE", 0)
    assert deliver(worker) == 0
    assert Checkpoint.objects.get().mark != before.mark


class Odd(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("not even that")


class Surrogate(Exception):
    def __repr__(self) -> str:
        return "\ud800"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (asyncio.CancelledError(), "CancelledError()"),
        (SystemExit(1), "SystemExit(1)"),
        (ValueError("\x00"), r"ValueError('\x00')"),
        (KeyError("\ud800"), r"KeyError('\ud800')"),
        (Odd(), "Odd"),
        (Surrogate(), r"\ud800"),
    ],
)
def test_whatever_a_receiver_raises_is_written_down(
    error: BaseException, text: str, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(**kwargs: Any) -> None:
        raise error

    Room.objects.add("room", "channel")
    with listening(raises), caplog.at_level(logging.CRITICAL + 1):
        deliver(worker)
    assert DeadLetter.objects.get().error == text


def test_an_interrupt_is_nobodys_failure(worker: Worker) -> None:
    def interrupted(**kwargs: Any) -> None:
        raise KeyboardInterrupt

    Room.objects.add("room", "channel")
    with listening(interrupted), pytest.raises(KeyboardInterrupt):
        deliver(worker)
    assert not DeadLetter.objects.exists()


def test_pauses_for_a_receiver_are_bounded(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One that takes every second signal would get them all the time."""
    monkeypatch.setattr(module, "PAUSE", 0.001)
    monkeypatch.setattr(module, "PATIENCE", 0.004)
    asked: list[str] = []

    def moody(events: list[PresenceEvent], **kwargs: Any) -> None:
        asked.append(str(events[0].channel_name))
        if events[0].channel_name in "aceg":
            raise RuntimeError

    record([Draft("join", "room", channel) for channel in "abcdefg"])
    with listening(moody), caplog.at_level(logging.CRITICAL):
        deliver(worker)
    assert asked == [*"aaa", "b", *"cc", *"defg"]


def test_receivers_of_one_name_fail_alone(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[bool] = []

    def make(*, fails: bool) -> Any:
        def receiver(**kwargs: Any) -> None:
            asked.append(fails)
            if fails:
                raise RuntimeError

        return receiver

    record([Draft("join", "room", channel) for channel in "abc"])
    with listening(make(fails=True)), listening(make(fails=False)), caplog.at_level(logging.CRITICAL):
        deliver(worker)
    assert (asked.count(True), asked.count(False)) == (TRIES + 2, 3)


def test_a_receiver_whose_database_went_away_gets_another_connection(worker: Worker) -> None:
    asked: list[Any] = []

    def uses_the_database(**kwargs: Any) -> None:
        asked.append(None)
        with connection.cursor() as cursor:
            if len(asked) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 1")

    Room.objects.add("room", "channel")
    with listening(uses_the_database):
        assert deliver(worker) == 1
    assert len(asked) == 2
    assert not DeadLetter.objects.exists()


@pytest.fixture
def fresh_connection() -> Iterator[None]:
    """Whatever the test has done to it, the next one has another."""
    yield
    module.reset_connections()


def begin() -> None:
    connection.cursor().execute("BEGIN")


def fail_in_a_transaction() -> None:
    begin()
    connection.cursor().execute("SELECT 1 / 0")


@pytest.mark.usefixtures("fresh_connection")
@pytest.mark.parametrize(
    "leave_open",
    [begin, fail_in_a_transaction, lambda: transaction.set_autocommit(False), lambda: transaction.atomic().__enter__()],
    ids=["BEGIN", "an error in it", "no autocommit", "atomic"],
)
def test_a_receiver_that_leaves_a_transaction_open_stops_nobody(
    leave_open: Any, signals: list[dict[str, Any]], worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    Room.objects.add("room", "a")
    Room.objects.add("room", "b")
    with listening(lambda **kwargs: leave_open()), caplog.at_level(logging.CRITICAL):
        assert deliver(worker) == 2
    assert told(signals) == ["join a room", "join b room"]
    assert DeadLetter.objects.count() == 2
    assert deliver(worker) == 0


def test_a_database_without_autocommit_is_its_owners_business(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, signals: list[dict[str, Any]]
) -> None:
    monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
    assert connections._is_idle(connection)


def test_receivers_that_are_coroutines_get_another_connection_too(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    async def count(**kwargs: Any) -> None:
        await Room.objects.acount()

    with listening(count), caplog.at_level(logging.CRITICAL):
        Room.objects.add("room", "a")
        deliver(worker)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        Room.objects.add("room", "b")
        deliver(worker)
    assert not DeadLetter.objects.exists()
    module.reset_connections()


def test_what_was_seen_by_a_server_that_has_crashed_since_is_not_stored(signals: list[dict[str, Any]]) -> None:
    """It gives the ids of transactions out again that it had not written down."""
    leads = [True]
    worker = Worker("projector", using="default", still=lambda: leads[0])
    Room.objects.add("room", "channel")
    before = Checkpoint.objects.get().mark
    leads[0] = False
    with pytest.raises(CheckpointMoved):
        worker.step()
    assert Checkpoint.objects.get().mark == before


def test_what_waits_for_later_prunes_does_not_keep_a_batch_from_being_cut(
    worker: Worker, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in "abxy":
        Room.objects.add("room", channel)
    deliver(worker)
    signals.clear()
    with transaction.atomic():
        record([Draft("prune", "room", "a")])
        thread = threading.Thread(target=join_elsewhere)
        thread.start()
        thread.join()
        Room.objects.remove("room", "x")
        record([Draft("prune", "room", "b")])
    Room.objects.remove("room", "y")
    monkeypatch.setattr(module, "LONG", 0)
    steps = []
    while worker.step():
        steps.append(told(signals))
        signals.clear()
    assert steps == [["join c other", "prune a room"], ["leave x room"], ["leave y room", "prune b room"]]


def test_a_room_that_the_layer_refuses_stops_nobody(
    worker: Worker, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        for kind in ("join", "leave"):
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, 'my room', 'channel')", [kind]
            )
    with caplog.at_level(logging.CRITICAL):
        assert deliver(worker) == 2
    assert told(signals) == ["join channel my room", "leave channel my room"]
