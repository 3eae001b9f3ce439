"""manage.py run_projector, in this process."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.management import CommandError, call_command
from django.db import connection

from presence_events.models import Checkpoint, PresenceEvent
from presence_events.recorder import Draft, record
from projections._delivery.notify import wake
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
    call_command("run_projector", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@contextmanager
def meanwhile(act: Callable[[], Any], afterwards: Callable[[], Any] = lambda: None) -> Iterator[None]:
    """While the command runs, ``act`` does something in another thread, and then the command is told to stop."""
    errors: list[BaseException] = []
    before = signal.getsignal(signal.SIGTERM)

    def run_and_stop() -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            # Without the command's handler it would end this process.
            wait_until(lambda: signal.getsignal(signal.SIGTERM) is not before)
            os.kill(os.getpid(), signal.SIGTERM)
            afterwards()
            connection.close()

    thread = threading.Thread(target=run_and_stop)
    thread.start()
    yield
    thread.join()
    assert errors == []


def test_once_delivers_what_is_there(signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections._worker.follower.BATCH", 2)
    assert run("--once") == "0 events delivered\n"
    for channel in "abcde":
        Room.objects.add("room", channel)
    assert run("--once") == "5 events delivered\n"
    assert [each["events"][0].channel_name for each in signals] == list("abcde")
    assert run("--once") == "0 events delivered\n"


def test_once_leaves_it_to_whoever_is_at_it() -> None:
    leader = LeaderLock("projector", using="default")
    assert leader.acquire()
    assert run("--once") == "Somebody else is following the log.\n"
    leader.release()
    wait_until(lambda: run("--once") == "0 events delivered\n")


def test_one_can_begin_at_the_beginning_and_at_the_end(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel")
    run("--reset", "end")
    assert run("--once") == "0 events delivered\n"
    run("--reset", "beginning", "--database", "default")
    run("--once")
    assert [each["events"][0].channel_name for each in signals] == ["channel"]


def test_one_can_begin_after_a_position(signals: list[dict[str, Any]]) -> None:
    for channel in "ab":
        Room.objects.add("room", channel)
    first, _ = PresenceEvent.objects.values_list("id", flat=True)
    run("--reset", str(first))
    assert run("--once") == "1 events delivered\n"
    assert [each["events"][0].channel_name for each in signals] == ["b"]


@pytest.mark.parametrize("position", ["-1", "middle", "1.5"])
def test_one_cannot_begin_anywhere_else(position: str) -> None:
    with pytest.raises(CommandError, match="neither a position nor beginning or end"):
        run(f"--reset={position}")
    assert not Checkpoint.objects.exists()


def test_nothing_is_reset_to_where_the_log_has_not_come_yet() -> None:
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


def test_pruning_is_for_the_main_worker() -> None:
    with pytest.raises(CommandError, match="Pruning is for the worker 'projector'"):
        run("--once", "--prune", "--name", "billing")


def test_it_says_from_where_on_it_sends() -> None:
    Room.objects.add("room", "channel")
    (event,) = PresenceEvent.objects.all()
    said = run("--reset", "end")
    assert said == f"The checkpoint 'projector' is set: what comes after position {event.id} is sent.\n"


def test_a_worker_to_whom_nobody_listens_is_an_error() -> None:
    with pytest.raises(CommandError, match=r"for_worker\('reports'\)"):
        run("--once", "--name", "reports")


def test_it_does_not_send_what_is_sent_already(settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "inline"
    Room.objects.add("room", "channel")
    with pytest.raises(CommandError, match="There is nothing to do"):
        run("--once")
    with meanwhile(lambda: wait_until(is_led)):
        assert run() == "Watching. Signals are sent by the processes that record.\nStopped.\n"
    assert len(signals) == 1
    assert not Checkpoint.objects.exists()


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_once_it_prunes_if_asked(mode: str, settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = mode
    Room.objects.add("room", "channel")
    if mode == "worker":
        run("--reset", "beginning")
    run(*["--once"] * (mode == "worker"), *["--prune"] * (mode == "inline"), "--once")
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    signals.clear()
    said = run("--once", "--prune")
    assert said.startswith("1 presences and 1 rooms pruned\n")
    assert [str(each["events"][0]) for each in signals] == ["prune channel room"]


def test_it_prunes_while_it_follows_the_log_if_asked(settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("room", "channel")
    run("--reset", "end")
    with meanwhile(lambda: wait_until(lambda: signals and not Room.objects.exists())):
        run("--prune")
    assert [str(each["events"][0]) for each in signals] == ["prune channel room"]


def test_in_another_cluster_it_goes_on_where_it_was(signals: list[dict[str, Any]]) -> None:
    run("--once")
    Checkpoint.objects.update(cluster=1)
    Room.objects.add("room", "channel")
    assert run("--once") == "1 events delivered\n"


def test_a_log_that_has_become_shorter_is_an_error_that_says_what_to_do() -> None:
    Room.objects.add("room", "channel")
    run("--once")
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_event_id_seq', 1)")
    with pytest.raises(CommandError, match="Reset the checkpoint"):
        run("--once")
    with pytest.raises(CommandError, match="Reset the checkpoint"):
        run()
    run("--reset", "end")
    assert run("--once") == "0 events delivered\n"


def test_it_follows_until_it_is_told_to_stop(signals: list[dict[str, Any]]) -> None:
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


def test_a_named_worker_follows_and_leaves_the_house_to_the_main_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections._worker.follower.BATCH", 1)
    billed: list[Any] = []

    def bill(events: list[PresenceEvent], **kwargs: Any) -> None:
        billed.extend(events)

    def join() -> None:
        wait_until(is_led)
        record([Draft("join", "room", channel) for channel in "abc"])
        wait_until(lambda: len(billed) == 3)

    signal_of_billing = presence_changed.for_worker("billing")
    signal_of_billing.connect(bill)
    run("--reset", "end", "--name", "billing")
    with meanwhile(join):
        run("--name", "billing")
    signal_of_billing.disconnect(bill)


def test_it_survives_a_database_that_is_away_for_a_moment(signals: list[dict[str, Any]]) -> None:
    def cut_all_connections() -> None:
        wait_until(Checkpoint.objects.exists)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        Room.objects.add("room", "channel")
        wait_until(lambda: signals)

    with meanwhile(cut_all_connections):
        said = run()
    assert said.count("Following the log.") == 2
    assert len(signals) == 1


def test_a_standby_takes_over(signals: list[dict[str, Any]]) -> None:
    leads = threading.Event()

    def lead_and_resign() -> None:
        leader = LeaderLock("projector", using="default")
        assert leader.acquire()
        leads.set()
        wait_until(lambda: signal.getsignal(signal.SIGTERM) is not before)
        Room.objects.add("room", "channel")
        leader.release()
        wait_until(lambda: signals)

    run("--reset", "end")
    before = signal.getsignal(signal.SIGTERM)
    with meanwhile(lead_and_resign):
        leads.wait()
        assert run() == "Standing by.\nFollowing the log.\nStopped.\n"
    assert len(signals) == 1


def test_a_standby_that_is_told_to_stop_does_nothing_more(signals: list[dict[str, Any]]) -> None:
    run("--reset", "end")
    leads, stands_by = threading.Event(), signal.getsignal(signal.SIGTERM)
    done = threading.Event()

    def lead() -> None:
        leader = LeaderLock("projector", using="default")
        assert leader.acquire()
        leads.set()
        wait_until(lambda: signal.getsignal(signal.SIGTERM) is not stands_by)
        Room.objects.add("room", "channel")
        os.kill(os.getpid(), signal.SIGTERM)
        done.wait()
        leader.release()
        connection.close()

    thread = threading.Thread(target=lead)
    thread.start()
    leads.wait()
    assert run() == "Standing by.\nStopped.\n"
    done.set()
    thread.join()
    assert signals == []


def test_it_begins_anew_after_an_error_that_nobody_expected(
    signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = list[Exception]()

    def gone(events: list[PresenceEvent], using: str) -> None:
        if failures:
            raise failures.pop()

    def join() -> None:
        wait_until(is_led)
        Room.objects.add("room", "a")
        wait_until(lambda: len(signals) == 1)
        failures.append(RuntimeError("unexpected"))
        Room.objects.add("room", "b")
        wait_until(lambda: len(signals) == 2)

    run("--once")
    monkeypatch.setattr("projections._delivery.dispatch.discard_the_gone", gone)
    with meanwhile(join), caplog.at_level(logging.CRITICAL):
        run()
    assert not failures


def test_an_error_at_the_first_step_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    run("--reset", "end")
    Room.objects.add("room", "channel")

    def gone(events: list[PresenceEvent], using: str) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr("projections._delivery.dispatch.discard_the_gone", gone)
    with pytest.raises(RuntimeError, match="unexpected"):
        run()


def test_whoever_records_can_wake_it(
    settings: Any, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would not look again for an hour."""
    settings.CHANNELS_PRESENCE_NOTIFY = True
    module = "projections.management.commands.run_projector"
    monkeypatch.setattr(f"{module}.SOON", 3600)
    monkeypatch.setattr(f"{module}.LATER", 3600)
    run("--reset", "end")

    def join_and_leave() -> None:
        wait_until(listens)
        Room.objects.add("room", "channel")
        wait_until(lambda: len(signals) == 1)
        async_to_sync(Room.objects.aremove)("room", "channel")
        wait_until(lambda: len(signals) == 2)

    with meanwhile(join_and_leave, afterwards=lambda: wake("default")):
        run()
    assert len(signals) == 2


def is_led() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
        return bool(cursor.fetchone()[0])


def listens() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'LISTEN presence_event')")
        return bool(cursor.fetchone()[0])
