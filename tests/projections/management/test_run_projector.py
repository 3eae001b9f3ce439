"""manage.py run_projector, in this process."""

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

from presence_events.models import Checkpoint
from projections.leading import Leadership
from projections.models import Room
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
def meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """While the command runs, ``act`` does something in another thread, and then tells the command to stop."""
    errors: list[BaseException] = []

    def run_and_stop() -> None:
        try:
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            connection.close()

    thread = threading.Thread(target=run_and_stop)
    thread.start()
    yield
    thread.join()
    assert errors == []


def test_once_delivers_what_is_there(signals: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.management.commands.run_projector.BATCH", 2)
    assert run("--once") == "0 events delivered\n"
    for channel in "abcde":
        Room.objects.add("room", channel)
    assert run("--once") == "5 events delivered\n"
    assert [each["events"][0].channel_name for each in signals] == list("abcde")
    assert run("--once") == "0 events delivered\n"


def test_once_leaves_it_to_whoever_is_at_it() -> None:
    leader = Leadership("projector", using="default")
    assert leader.held()
    assert run("--once") == "Somebody else is following the log.\n"
    leader.resign()
    wait_until(lambda: run("--once") == "0 events delivered\n")


def test_one_can_begin_at_the_beginning_and_at_the_end(signals: list[dict[str, Any]]) -> None:
    Room.objects.add("room", "channel")
    run("--reset", "end")
    assert run("--once") == "0 events delivered\n"
    run("--reset", "beginning", "--database", "default")
    run("--once")
    assert [each["events"][0].channel_name for each in signals] == ["channel"]


def test_checkpoints_are_kept_by_name(signals: list[dict[str, Any]]) -> None:
    run("--once")
    run("--once", "--name", "reports")
    Room.objects.add("room", "channel")
    for name in ("projector", "reports"):
        assert run("--once", "--name", name) == "1 events delivered\n"
    assert len(signals) == 2


def test_it_refuses_to_send_what_is_sent_already(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "inline"
    with pytest.raises(CommandError, match="would be sent twice"):
        run("--once")


def test_a_checkpoint_of_another_cluster_is_an_error_that_says_what_to_do() -> None:
    run("--once")
    Checkpoint.objects.update(cluster=1)
    with pytest.raises(CommandError, match="reset it"):
        run("--once")
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
        leader = Leadership("projector", using="default")
        assert leader.held()
        leads.set()
        wait_until(lambda: signal.getsignal(signal.SIGTERM) is not before)
        Room.objects.add("room", "channel")
        leader.resign()
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
        leader = Leadership("projector", using="default")
        assert leader.held()
        leads.set()
        wait_until(lambda: signal.getsignal(signal.SIGTERM) is not stands_by)
        Room.objects.add("room", "channel")
        os.kill(os.getpid(), signal.SIGTERM)
        done.wait()
        leader.resign()
        connection.close()

    thread = threading.Thread(target=lead)
    thread.start()
    leads.wait()
    assert run() == "Standing by.\nStopped.\n"
    done.set()
    thread.join()
    assert signals == []
