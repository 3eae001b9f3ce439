"""manage.py run_projector, in the process of the test."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from presence_events.models import Checkpoint, PresenceEvent
from projections._worker.leader_lock import LeaderLock
from projections.models import Room
from projections.signals import presence_changed
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def by_worker(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("run_projector", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@contextmanager
def meanwhile(act: Callable[[], Any]) -> Iterator[None]:
    """Calls ``act`` in another thread while the command runs, and then stops the command with SIGTERM."""
    errors: list[BaseException] = []
    before = signal.getsignal(signal.SIGTERM)

    def run_and_stop() -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            # Without the handler of the command, the signal would end this process.
            wait_until(lambda: signal.getsignal(signal.SIGTERM) is not before)
            os.kill(os.getpid(), signal.SIGTERM)
            connection.close()

    thread = threading.Thread(target=run_and_stop)
    thread.start()
    yield
    thread.join()
    assert errors == []


def test_once_prints_how_many_events_it_delivered(
    signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections._worker.log_follower.BATCH_SIZE", 2)
    assert run("--once") == "0 events delivered\n"
    for channel in "abcde":
        Room.objects.add("room", channel)
    assert run("--once") == "5 events delivered\n"
    assert [each["events"][0].channel_name for each in signals] == list("abcde")
    assert run("--once") == "0 events delivered\n"


def test_once_does_nothing_while_another_worker_leads() -> None:
    leader = LeaderLock("projector", using="default")
    assert leader.acquire()
    assert run("--once") == "Another worker is following the log.\n"
    leader.release()
    wait_until(lambda: run("--once") == "0 events delivered\n")


def test_reset_to_the_beginning_and_to_the_end(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel")
    run("--reset", "end")
    assert run("--once") == "0 events delivered\n"
    run("--reset", "beginning", "--database", "default")
    run("--once")
    assert [each["events"][0].channel_name for each in signals] == ["channel"]


def test_reset_to_a_position(signals: list[dict[str, Any]]) -> None:
    for channel in "ab":
        Room.objects.add("room", channel)
    first, _ = PresenceEvent.objects.values_list("id", flat=True)
    run("--reset", str(first))
    assert run("--once") == "1 events delivered\n"
    assert [each["events"][0].channel_name for each in signals] == ["b"]


@pytest.mark.parametrize("position", ["-1", "middle", "1.5"])
def test_reset_refuses_anything_else(position: str) -> None:
    with pytest.raises(CommandError, match="neither a position nor beginning or end"):
        run(f"--reset={position}")
    assert not Checkpoint.objects.exists()


def test_reset_refuses_a_position_after_the_end_of_the_log() -> None:
    with pytest.raises(CommandError, match="the log ends at"):
        run("--reset", "1000000000")
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_receivers_can_have_a_worker_of_their_own(mode: str, settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = mode
    billed: list[str] = []

    def bill(signal: Any, events: list[PresenceEvent], **kwargs: Any) -> None:
        assert signal is presence_changed.for_worker("billing")
        billed.append(str(events[0].channel_name))

    presence_changed.for_worker("billing").connect(bill)
    try:
        run("--once", "--name", "billing")
        Room.objects.add("room", "channel")
        run("--reset", "beginning")
        assert billed == []
        assert run("--once", "--name", "billing") == "1 events delivered\n"
        assert billed == ["channel"]
        assert len(signals) == (mode == "inline")
    finally:
        presence_changed.for_worker("billing").disconnect(bill)


def test_only_the_main_worker_prunes() -> None:
    with pytest.raises(CommandError, match="Only the worker 'projector' prunes"):
        run("--once", "--prune", "--name", "billing")


def test_reset_prints_the_position() -> None:
    Room.objects.add("room", "channel")
    (event,) = PresenceEvent.objects.all()
    printed = run("--reset", "end")
    assert printed == f"The checkpoint 'projector' is set: events after position {event.id} will be delivered.\n"


def test_a_worker_without_receivers_is_an_error() -> None:
    with pytest.raises(CommandError, match=r"for_worker\('reports'\)"):
        run("--once", "--name", "reports")


def test_it_sends_no_signals_if_they_are_inline(settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "inline"
    Room.objects.add("room", "channel")
    with pytest.raises(CommandError, match="There is nothing to do"):
        run("--once")
    with meanwhile(lambda: wait_until(is_led)):
        assert run() == "Running maintenance. The recording processes send the signals.\nStopped.\n"
    assert len(signals) == 1
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_once_prunes_if_asked_to(mode: str, settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = mode
    Room.objects.add("room", "channel")
    if mode == "worker":
        run("--reset", "beginning")
    run(*["--once"] * (mode == "worker"), *["--prune"] * (mode == "inline"), "--once")
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    signals.clear()
    printed = run("--once", "--prune")
    assert printed.startswith("1 presences and 1 rooms pruned\n")
    assert [str(each["events"][0]) for each in signals] == ["prune channel room"]


def test_in_another_cluster_it_continues_from_the_checkpoint(signals: list[dict[str, Any]]) -> None:
    run("--once")
    Checkpoint.objects.update(cluster=1)
    Room.objects.add("room", "channel")
    assert run("--once") == "1 events delivered\n"


def test_a_log_that_has_become_shorter_is_an_error_that_names_the_remedy() -> None:
    Room.objects.add("room", "channel")
    run("--once")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_event_id_seq', 1)")
    with pytest.raises(CommandError, match="Reset the checkpoint"):
        run("--once")
    run("--reset", "end")
    assert run("--once") == "0 events delivered\n"


def test_it_follows_the_log_until_sigterm(signals: list[dict[str, Any]]) -> None:
    handler = signal.getsignal(signal.SIGTERM)

    def join_one_by_one() -> None:
        wait_until(Checkpoint.objects.exists)
        for number in range(3):
            Room.objects.add("room", f"channel-{number}")
            wait_until(lambda: len(signals) > number)  # noqa: B023

    with meanwhile(join_one_by_one):
        assert run() == "Following the log.\nStopped.\n"
    assert len(signals) == 3
    assert signal.getsignal(signal.SIGTERM) is handler


def is_led() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("layer", "verbosity", "warnings"),
    [
        ("channels.layers.InMemoryChannelLayer", 1, 1),
        ("channels.layers.InMemoryChannelLayer", 0, 0),
        ("channels_redis.core.RedisChannelLayer", 1, 0),
    ],
)
def test_it_warns_once_that_an_in_memory_layer_does_not_reach_the_sockets(
    layer: str, verbosity: int, warnings: int, settings: Any
) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": layer}}
    out, err = StringIO(), StringIO()
    call_command("run_projector", "--once", stdout=out, stderr=err, verbosity=verbosity)
    assert out.getvalue() == "0 events delivered\n"
    assert err.getvalue().count("cannot reach the sockets") == warnings
