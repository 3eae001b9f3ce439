"""The main loop of a worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError, connection, transaction

from presence_events import checkpoints
from presence_events.exceptions import LogIsShorter
from presence_events.models import Checkpoint, PresenceEvent
from presence_events.recorder import Draft, record
from presence_events.tail import Mark
from projections._delivery.wakeup import wake
from projections._worker.delivery import Delivery
from projections._worker.leader_lock import LeaderLock
from projections._worker.runner import Runner, sends_signals
from projections._worker.shutdown import ShutdownRequest
from projections.models import Presence, Process, Room
from projections.signals import presence_changed
from tests.leases import beat
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def by_worker(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"


class Worker:
    """A runner and what it reported."""

    def __init__(self, name: str = "projector", *, prune: bool = False) -> None:
        self.reported: list[str] = []
        self.shutdown = ShutdownRequest()
        self._runner = Runner(name, using="default", prune=prune, shutdown=self.shutdown, report=self.reported.append)

    def run_once(self) -> list[str]:
        self._runner.run_once()
        return self.reported

    def run_while(self, act: Callable[[], Any], afterwards: Callable[[], Any] = lambda: None) -> list[str]:
        """Runs until ``act``, in another thread, has returned. Then requests the shutdown and calls ``afterwards``."""
        with in_another_thread(act, lambda: (self.shutdown.request(), afterwards())):
            self._runner.run()
        return self.reported

    def run(self) -> list[str]:
        self._runner.run()
        return self.reported


@contextmanager
def in_another_thread(act: Callable[[], Any], finally_do: Callable[[], Any] = lambda: None) -> Iterator[None]:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            finally_do()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    thread.join()
    assert errors == []


def read_everything() -> None:
    """Sets the checkpoint to the end of the log."""
    checkpoints.reset("projector", Mark.end("default"), using="default")


def is_led() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')")
        return bool(cursor.fetchone()[0])


def listens() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query LIKE 'LISTEN %presence_event%')")
        return bool(cursor.fetchone()[0])


def test_only_the_main_worker_may_leave_the_signals_to_others(settings: Any) -> None:
    assert sends_signals("projector")
    settings.CHANNELS_PRESENCE_SIGNALS = "inline"
    assert not sends_signals("projector")
    assert sends_signals("billing")


def test_once_delivers_what_is_in_the_log(signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections._worker.log_follower.BATCH_SIZE", 2)
    assert Worker().run_once() == ["0 events delivered"]
    for channel in "abcde":
        Room.objects.add("room", channel)
    assert Worker().run_once() == ["5 events delivered"]
    assert [each["events"][0].channel_name for each in signals] == list("abcde")
    assert Worker().run_once() == ["0 events delivered"]


def test_once_delivers_what_an_earlier_worker_left_and_what_came_since(signals: list[dict[str, Any]]) -> None:
    """The checkpoint is inside a window: only a part of what its worker had seen was delivered."""
    read_everything()
    record([Draft("join", "room", channel) for channel in "ab"])
    first = PresenceEvent.objects.values_list("id", flat=True).earliest("id")
    checkpoints.reset("projector", Mark.after(first, "default"), using="default")
    record([Draft("join", "room", channel) for channel in "cd"])
    assert Worker().run_once() == ["3 events delivered"]
    assert [each["events"][0].channel_name for each in signals] == list("bcd")


def test_once_does_nothing_while_another_worker_leads() -> None:
    leader = LeaderLock("projector", using="default")
    assert leader.acquire()
    assert Worker().run_once() == ["Another worker is following the log."]
    leader.release()
    wait_until(lambda: Worker().run_once() == ["0 events delivered"])


@pytest.mark.parametrize("mode", ["inline", "worker"])
def test_once_prunes_if_asked_to(mode: str, settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = mode
    Room.objects.add("room", "channel")
    read_everything()
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    signals.clear()
    delivered = ["2 events delivered"] if mode == "worker" else []
    assert Worker(prune=True).run_once() == ["1 presences and 1 rooms pruned", *delivered]
    assert [str(each["events"][0]) for each in signals] == ["prune channel room"]


def test_it_prunes_while_it_follows_the_log(settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    Room.objects.add("room", "channel")
    read_everything()
    Worker(prune=True).run_while(lambda: wait_until(lambda: signals and not Room.objects.exists()))
    assert [str(each["events"][0]) for each in signals] == ["prune channel room"]


def test_it_follows_the_log_until_the_shutdown(signals: list[dict[str, Any]]) -> None:
    def join_one_by_one() -> None:
        wait_until(Checkpoint.objects.exists)
        for number in range(3):
            Room.objects.add("room", f"channel-{number}")
            wait_until(lambda: len(signals) > number)  # noqa: B023

    assert Worker().run_while(join_one_by_one) == ["Following the log.", "Stopped."]
    assert len(signals) == 3


def test_it_runs_only_maintenance_if_signals_are_inline(settings: Any, signals: list[dict[str, Any]]) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "inline"
    Room.objects.add("room", "channel")
    reported = Worker().run_while(lambda: wait_until(is_led))
    assert reported == ["Running maintenance. The recording processes send the signals.", "Stopped."]
    assert len(signals) == 1
    assert not Checkpoint.objects.exists()


def test_a_named_worker_follows_the_log_and_runs_no_maintenance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections._worker.log_follower.BATCH_SIZE", 1)
    monkeypatch.setattr("projections._worker.runner.Maintenance", None)
    billed: list[Any] = []

    def bill(events: list[PresenceEvent], **kwargs: Any) -> None:
        billed.extend(events)

    def join() -> None:
        wait_until(is_led)
        record([Draft("join", "room", channel) for channel in "abc"])
        wait_until(lambda: len(billed) == 3)

    checkpoints.reset("billing", Mark.end("default"), using="default")
    signal_of_billing = presence_changed.for_worker("billing")
    signal_of_billing.connect(bill)
    Worker("billing").run_while(join)
    signal_of_billing.disconnect(bill)


def test_it_continues_after_an_outage_of_the_database(signals: list[dict[str, Any]]) -> None:
    def cut_all_connections() -> None:
        wait_until(Checkpoint.objects.exists)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        Room.objects.add("room", "channel")
        wait_until(lambda: signals)

    assert Worker().run_while(cut_all_connections).count("Following the log.") == 2
    assert len(signals) == 1


def test_a_standby_takes_over(signals: list[dict[str, Any]]) -> None:
    read_everything()
    worker, leads = Worker(), threading.Event()

    def lead_and_resign() -> None:
        leader = LeaderLock("projector", using="default")
        assert leader.acquire()
        leads.set()
        wait_until(lambda: worker.reported == ["Standing by."])
        Room.objects.add("room", "channel")
        leader.release()
        wait_until(lambda: signals)

    with in_another_thread(lead_and_resign, worker.shutdown.request):
        leads.wait()
        assert worker.run() == ["Standing by.", "Following the log.", "Stopped."]
    assert len(signals) == 1


def test_a_worker_can_be_shut_down_while_another_session_holds_the_row_of_the_leader() -> None:
    worker, holds, stopped = Worker(), threading.Event(), threading.Event()

    def hold_the_row() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO presence_leader (name, pid, role, key, since) VALUES ('projector', 0, 0, 0, now())"
            )
            holds.set()
            wait_until(lambda: worker.reported == ["Standing by."])
            worker.shutdown.request()
            stopped.wait()
            transaction.set_rollback(True)

    with in_another_thread(hold_the_row):
        holds.wait()
        assert worker.run() == ["Standing by.", "Stopped."]
        stopped.set()


def test_a_standby_that_is_shut_down_delivers_nothing(signals: list[dict[str, Any]]) -> None:
    read_everything()
    worker, leads, stopped = Worker(), threading.Event(), threading.Event()

    def lead() -> None:
        leader = LeaderLock("projector", using="default")
        assert leader.acquire()
        leads.set()
        wait_until(lambda: worker.reported == ["Standing by."])
        Room.objects.add("room", "channel")
        worker.shutdown.request()
        stopped.wait()
        leader.release()

    with in_another_thread(lead):
        leads.wait()
        assert worker.run() == ["Standing by.", "Stopped."]
        stopped.set()
    assert signals == []


def test_after_an_unexpected_error_it_delivers_again(
    signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = list[Exception]()

    def reconcile_groups(events: list[PresenceEvent], using: str) -> None:
        if failures:
            raise failures.pop()

    def join() -> None:
        wait_until(is_led)
        Room.objects.add("room", "a")
        wait_until(lambda: len(signals) == 1)
        failures.append(RuntimeError("unexpected"))
        Room.objects.add("room", "b")
        wait_until(lambda: len(signals) == 2)

    read_everything()
    monkeypatch.setattr("projections._delivery.dispatch.reconcile_groups", reconcile_groups)
    with caplog.at_level(logging.CRITICAL, logger="projections"), caplog.at_level(logging.ERROR, "projections.worker"):
        Worker().run_while(join)
    assert not failures
    assert [record.getMessage() for record in caplog.records] == [
        "The delivery of signals failed and is tried again. Maintenance goes on"
    ]


@pytest.mark.parametrize("error", [RuntimeError("unexpected"), OperationalError("a transaction stays open")])
def test_maintenance_does_not_depend_on_delivery(
    error: Exception, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Delivery fails from the first step on. The worker prunes and detects dead servers, and does not exit."""
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    monkeypatch.setattr("presence_events.processes.registry.CHECK_INTERVAL", 0)
    monkeypatch.setattr("projections._worker.delivery.ERROR_DELAY", 0)
    attempts: list[None] = []

    def step(self: Any) -> int:
        attempts.append(None)
        raise error

    monkeypatch.setattr("projections._worker.log_follower.Follower.step", step)

    def live() -> None:
        beat("host:1:abc")
        for channel in "ab":
            Room.objects.add("room", channel)
            wait_until(lambda: not Presence.objects.exists())
        wait_until(lambda: not Process.objects.exists() and len(attempts) > 3)

    with caplog.at_level(logging.CRITICAL, logger="projections"), caplog.at_level(logging.ERROR, "projections.worker"):
        reported = Worker(prune=True).run_while(live)
    is_transient = isinstance(error, OperationalError)
    assert len(caplog.records) == (0 if is_transient else 1)
    assert ("OperationalError: a transaction stays open" in reported) is is_transient


def test_delivery_waits_before_it_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    attempts: list[None] = []

    def make() -> Any:
        attempts.append(None)
        raise RuntimeError("unexpected")

    delivery = Delivery(make, using="default", report=[].append)
    with caplog.at_level(logging.CRITICAL):
        assert [delivery.step() for _ in range(3)] == [0, 0, 0]
    assert len(attempts) == 1
    assert not delivery.is_behind


def test_an_error_of_maintenance_stops_neither_the_other_jobs_nor_delivery(
    settings: Any,
    signals: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0
    failures = [True]

    def check(self: Any) -> int:
        if signals and failures:
            failures.pop()
            raise RuntimeError("unexpected")
        return 0

    def join() -> None:
        wait_until(is_led)
        Room.objects.add("room", "a")
        wait_until(lambda: not failures)
        Room.objects.add("room", "b")
        wait_until(lambda: sum(len(signal["events"]) for signal in signals) == 4)

    read_everything()
    monkeypatch.setattr("projections._worker.dead_servers.DeadServerDetector.check", check)
    with caplog.at_level(logging.CRITICAL, logger="projections"), caplog.at_level(logging.ERROR, "projections.worker"):
        Worker(prune=True).run_while(join)
    assert [record.getMessage() for record in caplog.records] == ["Maintenance failed and is tried again"]


def test_a_named_worker_starts_again_after_an_unexpected_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    steps: list[None] = []

    def step(self: Any) -> int:
        steps.append(None)
        if len(steps) == 2:
            raise RuntimeError("unexpected")
        return 0

    monkeypatch.setattr("projections._worker.log_follower.Follower.step", step)
    monkeypatch.setattr("projections._worker.runner.ERROR_DELAY", 0)
    with caplog.at_level(logging.ERROR, "projections.worker"):
        reported = Worker("billing").run_while(lambda: wait_until(lambda: len(steps) > 2))
    assert reported == ["Following the log.", "Stopped."]
    assert [record.getMessage() for record in caplog.records] == ["The worker failed and starts again"]


def test_a_transient_error_of_maintenance_is_reported_and_the_worker_starts_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    checks: list[None] = []

    def check(self: Any) -> int:
        checks.append(None)
        if len(checks) == 2:
            raise OperationalError("unavailable")
        return 0

    monkeypatch.setattr("projections._worker.dead_servers.DeadServerDetector.check", check)
    monkeypatch.setattr("projections._worker.runner.ERROR_DELAY", 0)
    reported = Worker().run_while(lambda: wait_until(lambda: len(checks) > 3))
    assert reported == ["Following the log.", "OperationalError: unavailable", "Following the log.", "Stopped."]
    assert caplog.records == []


def test_an_error_in_the_first_step_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any) -> Any:
        raise RuntimeError("unexpected")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="unexpected"):
        patched.setattr("projections._worker.dead_servers.DeadServerDetector.check", fail)
        Worker().run()
    monkeypatch.setattr("projections._worker.log_follower.Follower.step", fail)
    with pytest.raises(RuntimeError, match="unexpected"):
        Worker("billing").run()


def test_a_log_that_has_become_shorter_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that runs maintenance logs it once, and goes on. A reset ends it."""
    Room.objects.add("room", "channel")
    for name in ("projector", "billing"):
        Worker(name).run_once()
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('presence_event_id_seq', 1)")
    with pytest.raises(LogIsShorter):
        Worker().run_once()
    with pytest.raises(LogIsShorter):
        Worker("billing").run()

    def reset() -> None:
        wait_until(lambda: caplog.records)
        read_everything()
        wait_until(lambda: "Following the log." in worker.reported[-1])

    worker = Worker()
    with caplog.at_level(logging.ERROR):
        worker.run_while(reset)
    assert [str(record.exc_info[1])[:45] for record in caplog.records if record.exc_info] == [
        "The log ends before the position up to which "
    ]


def test_recording_can_wake_it(settings: Any, signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """It would otherwise poll only once an hour."""
    settings.CHANNELS_PRESENCE_NOTIFY = True
    monkeypatch.setattr("projections._worker.runner.MIN_POLL_INTERVAL", 3600)
    monkeypatch.setattr("projections._worker.runner.MAX_POLL_INTERVAL", 3600)
    read_everything()

    def join_and_leave() -> None:
        wait_until(listens)
        Room.objects.add("room", "channel")
        wait_until(lambda: len(signals) == 1)
        async_to_sync(Room.objects.aremove)("room", "channel")
        wait_until(lambda: len(signals) == 2)

    Worker().run_while(join_and_leave, afterwards=lambda: wake("default"))
    assert len(signals) == 2
