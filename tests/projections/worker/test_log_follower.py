"""Signals that a worker sends from the log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.core.management import call_command
from django.db import connection, transaction

from presence_events import database_connections
from presence_events.checkpoints import reset
from presence_events.exceptions import CheckpointMoved
from presence_events.models import Checkpoint, PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.tail import Mark
from projections._worker import log_follower as module
from projections._worker.log_follower import MAX_ATTEMPTS, Follower
from projections.models import DeadLetter, Presence, Room
from projections.signals import presence_changed, presence_updated
from tests import unreadable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def by_worker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    monkeypatch.setattr(module, "RETRY_DELAY", 0)


@pytest.fixture
def follower() -> Follower:
    return Follower("projector", using="default")


@contextmanager
def listening(receiver: Any, signal: Any = presence_changed) -> Iterator[None]:
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def deliver(follower: Follower) -> int:
    """Delivers all events that are in the log now. Returns how many."""
    delivered = follower.step()
    while follower.is_behind:
        delivered += follower.step()
    return delivered


def events_of(signals: list[dict[str, Any]]) -> list[str]:
    return [str(event) for signal in signals for event in signal["events"]]


def test_the_recording_process_sends_no_signals_and_the_worker_sends_all(
    follower: Follower, signals: list[dict[str, Any]], user: Any
) -> None:
    Room.objects.add("room", "channel", user, {"a": 1})
    Room.objects.remove("room", "channel")
    assert signals == []
    assert deliver(follower) == 2
    assert events_of(signals) == ["join channel room", "leave channel room"]
    added = signals[0]["added"]
    assert (added.channel_name, added.user_id, added.data, signals[0]["replayed"]) == (
        "channel",
        user.pk,
        {"a": 1},
        False,
    )
    assert signals[1]["removed"].channel_name == "channel"
    assert deliver(follower) == 0


async def test_coroutines_send_no_signals_either(signals: list[dict[str, Any]]) -> None:
    await Room.objects.aadd("room", "channel")
    assert signals == []


def test_a_join_is_in_the_group_before_it_is_delivered(follower: Follower) -> None:
    Room.objects.add("room", "channel")
    assert "channel" in get_channel_layer().groups["room"]


def test_events_that_were_inserted_with_sql_have_signals(follower: Follower, signals: list[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'room', 'by-hand')")
    deliver(follower)
    assert events_of(signals) == ["join by-hand room"]


def test_touches_are_signalled_only_if_they_have_data(follower: Follower) -> None:
    received: list[Any] = []
    Room.objects.add("room", "channel")
    Presence.objects.touch("channel")
    Presence.objects.touch("channel", {"status": "away"})
    with listening(lambda presence, **kwargs: received.append(presence.data), presence_updated):
        assert deliver(follower) == 2
    assert received == [{"status": "away"}]


def test_prunes_of_one_transaction_in_a_room_are_one_signal(follower: Follower, signals: list[dict[str, Any]]) -> None:
    for channel in ("a", "b"):
        Room.objects.add("room", channel)
    deliver(follower)
    Room.objects.prune_presences(0)
    deliver(follower)
    assert signals[-1]["bulk_change"] is True
    assert events_of(signals[-1:]) == ["prune a room", "prune b room"]


def test_a_pruned_connection_leaves_the_group_even_if_the_recording_process_died(follower: Follower) -> None:
    Room.objects.add("room", "channel")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('prune', 'room', 'channel')")
    assert "channel" in get_channel_layer().groups["room"]
    deliver(follower)
    assert "channel" not in get_channel_layer().groups.get("room", {})


def test_a_connection_that_is_back_stays_in_the_group(follower: Follower) -> None:
    for _ in range(2):
        Room.objects.add("room", "channel")
        Room.objects.remove("room", "channel")
    Room.objects.add("room", "channel")
    deliver(follower)
    assert "channel" in get_channel_layer().groups["room"]


def test_a_receiver_that_fails_is_retried(
    follower: Follower, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []

    def receiver(events: list[PresenceEvent], **kwargs: Any) -> None:
        called.append(events[0].kind)
        if len(called) < MAX_ATTEMPTS:
            raise RuntimeError("not yet")

    Room.objects.add("room", "channel")
    with listening(receiver), caplog.at_level(logging.CRITICAL):
        deliver(follower)
    assert called == ["join"] * MAX_ATTEMPTS
    assert events_of(signals) == ["join channel room"]
    assert not DeadLetter.objects.exists()


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_a_receiver_that_keeps_failing_delays_no_other_and_leaves_dead_letters(
    is_coroutine: bool, follower: Follower, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    called: list[int] = []

    def broken(events: list[PresenceEvent], **kwargs: Any) -> None:
        called.append(events[0].id)
        raise RuntimeError("never")

    async def abroken(events: list[PresenceEvent], **kwargs: Any) -> None:
        broken(events)

    Room.objects.add("room", "channel")
    Room.objects.remove("room", "channel")
    first, second = PresenceEvent.objects.values_list("id", flat=True)
    with listening(abroken if is_coroutine else broken), caplog.at_level(logging.CRITICAL):
        assert deliver(follower) == 2
    assert called == [first] * MAX_ATTEMPTS + [second]
    assert events_of(signals) == ["join channel room", "leave channel room"]
    letters = list(DeadLetter.objects.order_by("first").values_list("first", "last", "tries", "error"))
    assert letters == [
        (first, first, MAX_ATTEMPTS, "RuntimeError('never')"),
        (second, second, 1, "RuntimeError('never')"),
    ]
    assert "broken" in str(DeadLetter.objects.first())
    assert deliver(follower) == 0


def test_a_receiver_that_has_recovered_gets_all_attempts_again(
    follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    called: list[str] = []
    failing = {"a", "c"}

    def receiver(events: list[PresenceEvent], **kwargs: Any) -> None:
        called.append(str(events[0].channel_name))
        if events[0].channel_name in failing:
            raise RuntimeError

    for channel in ("a", "b", "c"):
        Room.objects.add("room", channel)
    with listening(receiver), caplog.at_level(logging.CRITICAL):
        deliver(follower)
    assert called == ["a"] * MAX_ATTEMPTS + ["b"] + ["c"] * MAX_ATTEMPTS


def test_the_size_of_a_batch_is_limited(
    follower: Follower, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    record([Draft("join", "room", channel) for channel in "abcde"])
    assert follower.step() == 2
    assert follower.is_behind
    assert len(signals) == 2
    assert deliver(follower) == 3
    assert events_of(signals) == [f"join {channel} room" for channel in "abcde"]


def test_a_slow_batch_is_cut_short(
    follower: Follower, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_SECONDS", 0)
    record([Draft("join", "room", channel) for channel in "abc"])
    assert follower.step() == 3
    assert events_of(signals) == ["join a room"]
    deliver(Follower("projector", using="default"))
    assert events_of(signals) == [f"join {channel} room" for channel in "abc"]


def join_elsewhere() -> None:
    Room.objects.add("other", "c")
    connection.close()


def test_after_a_worker_died_the_next_one_delivers_from_the_checkpoint(
    follower: Follower, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "channel")

    def die(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("presence_events.checkpoints.Reader.store", die)
        deliver(follower)
    assert deliver(Follower("projector", using="default")) == 1
    assert events_of(signals) == ["join channel room"] * 2


def test_of_two_followers_the_second_is_refused(follower: Follower) -> None:
    other = Follower("projector", using="default")
    Room.objects.add("room", "channel")
    deliver(follower)
    with pytest.raises(CheckpointMoved):
        deliver(other)


def test_an_idle_follower_notices_that_the_checkpoint_was_reset(
    follower: Follower, signals: list[dict[str, Any]]
) -> None:
    Room.objects.add("room", "channel")
    deliver(follower)
    reset("projector", Mark.after(0, "default"), using="default")
    with pytest.raises(CheckpointMoved):
        deliver(follower)


def test_many_touches_are_skipped_in_several_steps(follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("presence_events.tail.MAX_RANGE", 2)
    Room.objects.add("room", "channel")
    deliver(follower)
    for _ in range(5):
        Presence.objects.touch("channel")
    assert (follower.step(), follower.is_behind) == (0, True)
    assert deliver(follower) == 0


def test_touches_alone_move_the_checkpoint_after_the_interval(
    follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    Room.objects.add("room", "channel")
    deliver(follower)
    before = Checkpoint.objects.get()
    Presence.objects.touch("channel")
    assert deliver(follower) == 0
    assert Checkpoint.objects.get().mark == before.mark
    monkeypatch.setattr(module, "CHECKPOINT_INTERVAL", 0)
    assert deliver(follower) == 0
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
def test_every_error_of_a_receiver_is_stored(
    error: BaseException, text: str, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    def raises(**kwargs: Any) -> None:
        raise error

    Room.objects.add("room", "channel")
    with listening(raises), caplog.at_level(logging.CRITICAL + 1):
        deliver(follower)
    assert DeadLetter.objects.get().error == text


def test_an_interrupt_is_not_a_failure_of_the_receiver(follower: Follower) -> None:
    def interrupted(**kwargs: Any) -> None:
        raise KeyboardInterrupt

    Room.objects.add("room", "channel")
    with listening(interrupted), pytest.raises(KeyboardInterrupt):
        deliver(follower)
    assert not DeadLetter.objects.exists()


def test_the_retry_delays_of_a_receiver_are_limited(
    follower: Follower, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A receiver that fails on every second signal would otherwise be retried without end."""
    monkeypatch.setattr(module, "RETRY_DELAY", 0.001)
    monkeypatch.setattr(module, "RETRY_BUDGET", 0.004)
    called: list[str] = []

    def unreliable(events: list[PresenceEvent], **kwargs: Any) -> None:
        called.append(str(events[0].channel_name))
        if events[0].channel_name in "aceg":
            raise RuntimeError

    record([Draft("join", "room", channel) for channel in "abcdefg"])
    with listening(unreliable), caplog.at_level(logging.CRITICAL):
        deliver(follower)
    assert called == [*"aaa", "b", *"cc", *"defg"]


def test_receivers_of_the_same_name_fail_separately(follower: Follower, caplog: pytest.LogCaptureFixture) -> None:
    called: list[bool] = []

    def make(*, fails: bool) -> Any:
        def receiver(**kwargs: Any) -> None:
            called.append(fails)
            if fails:
                raise RuntimeError

        return receiver

    record([Draft("join", "room", channel) for channel in "abc"])
    with listening(make(fails=True)), listening(make(fails=False)), caplog.at_level(logging.CRITICAL):
        deliver(follower)
    assert (called.count(True), called.count(False)) == (MAX_ATTEMPTS + 2, 3)


def test_a_receiver_whose_database_connection_broke_gets_another(follower: Follower) -> None:
    called: list[Any] = []

    def uses_the_database(**kwargs: Any) -> None:
        called.append(None)
        with connection.cursor() as cursor:
            if len(called) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 1")

    Room.objects.add("room", "channel")
    with listening(uses_the_database):
        assert deliver(follower) == 1
    assert len(called) == 2
    assert not DeadLetter.objects.exists()


@pytest.fixture
def fresh_connection() -> Iterator[None]:
    """Drops the database connections at the end of the test, whatever their state."""
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
def test_a_receiver_that_leaves_a_transaction_open_delays_no_other(
    leave_open: Any, signals: list[dict[str, Any]], follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    Room.objects.add("room", "a")
    Room.objects.add("room", "b")
    with listening(lambda **kwargs: leave_open()), caplog.at_level(logging.CRITICAL):
        assert deliver(follower) == 2
    assert events_of(signals) == ["join a room", "join b room"]
    assert DeadLetter.objects.count() == 2
    assert deliver(follower) == 0


def test_a_database_connection_with_autocommit_disabled_in_the_settings_counts_as_idle(
    follower: Follower, monkeypatch: pytest.MonkeyPatch, signals: list[dict[str, Any]]
) -> None:
    monkeypatch.setitem(connection.settings_dict, "AUTOCOMMIT", False)
    assert database_connections._is_idle(connection)


def test_a_coroutine_whose_database_connection_broke_gets_another(
    follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    async def count(**kwargs: Any) -> None:
        await Room.objects.acount()

    with listening(count), caplog.at_level(logging.CRITICAL):
        Room.objects.add("room", "a")
        deliver(follower)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        Room.objects.add("room", "b")
        deliver(follower)
    assert not DeadLetter.objects.exists()
    module.reset_connections()


def test_a_follower_that_is_no_longer_the_leader_stores_nothing(signals: list[dict[str, Any]]) -> None:
    """A database server that crashed assigns transaction ids again, so what was read before must not be stored."""
    leads = [True]
    follower = Follower("projector", using="default", is_leader=lambda: leads[0])
    Room.objects.add("room", "channel")
    before = Checkpoint.objects.get().mark
    leads[0] = False
    with pytest.raises(CheckpointMoved):
        follower.step()
    assert Checkpoint.objects.get().mark == before


def test_a_batch_is_cut_short_while_prunes_are_held_back(
    follower: Follower, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in "abxy":
        Room.objects.add("room", channel)
    deliver(follower)
    signals.clear()
    with transaction.atomic():
        record([Draft("prune", "room", "a")])
        thread = threading.Thread(target=join_elsewhere)
        thread.start()
        thread.join()
        Room.objects.remove("room", "x")
        record([Draft("prune", "room", "b")])
    Room.objects.remove("room", "y")
    monkeypatch.setattr(module, "BATCH_SECONDS", 0)
    steps = []
    while follower.step():
        steps.append(events_of(signals))
        signals.clear()
    assert steps == [["join c other", "prune a room"], ["leave x room"], ["leave y room", "prune b room"]]


def test_a_room_name_that_the_layer_refuses_does_not_stop_the_follower(
    follower: Follower, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    with connection.cursor() as cursor:
        for kind in ("join", "leave"):
            cursor.execute(
                "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, 'my room', 'channel')", [kind]
            )
    with caplog.at_level(logging.CRITICAL):
        assert deliver(follower) == 2
    assert events_of(signals) == ["join channel my room", "leave channel my room"]


@pytest.mark.parametrize("text", unreadable.DATA.values(), ids=list(unreadable.DATA))
def test_data_that_python_cannot_read_becomes_a_dead_letter(
    text: str, follower: Follower, signals: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    for channel in "abc":
        Room.objects.add("room", channel)
    unreadable.set_data(text, where="channel_name = 'b'")
    with caplog.at_level(logging.CRITICAL):
        assert deliver(follower) == 3
    assert events_of(signals) == ["join a room", "join c room"]
    letter = DeadLetter.objects.get()
    position = PresenceEvent.objects.get(channel_name="b").pk
    assert (letter.first, letter.last, letter.tries) == (position, position, 0)
    assert letter.error == f"ValueError('Python cannot read the data of [{position}]')"
    assert deliver(follower) == 0


def test_a_signal_that_is_sent_again_has_a_placeholder_for_such_data(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel")
    unreadable.set_data(unreadable.DATA["number"])
    call_command("presence_resend", "..", stdout=StringIO(), stderr=StringIO())
    assert signals[-1]["added"].data.startswith('Unreadable data of 5008 characters: {"n": 1000')
