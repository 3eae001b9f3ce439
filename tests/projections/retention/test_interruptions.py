"""Retention is continued after an interruption at any point, and does not stop those who append and read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.transaction import TransactionManagementError

from presence_events import sql
from presence_events.exceptions import RetentionIsRunning
from presence_events.models import PresenceEvent, Removal, Segment
from presence_events.segments import removing as detaching
from projections.models import Presence, Room
from projections.replay.repair import compare
from tests import retention, segments
from tests.concurrency.conftest import DatabaseConnection, new_connection
from tests.fold import live
from tests.projections.replay.histories import record_history

__all__ = ["new_connection"]

NAME = "presence_event_touches_first"


@pytest.fixture(autouse=True)
def end(user: Any, settings: Any) -> date:
    """Writes a segment of touches that may go on the day that it returns."""
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta(days=1)}
    record_history(user)
    return retention.close_now("touches") + timedelta(days=1)


def table_of_segment() -> str:
    ((found,),) = sql.rows("presence_events", "queries/segments/table", {"name": NAME}, using="default")
    return str(found)


def assert_removed_once() -> None:
    assert segments.names("touches", state="removed") == ["first"]
    assert Removal.objects.count() == 1
    assert table_of_segment() == "missing"
    assert not PresenceEvent.objects.filter(kind="touch").exists()
    assert compare("default") == []


class Killed:
    """Lets a number of statements through, and none after them."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Any, *arguments: Any) -> Any:
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return execute(*arguments)


def test_a_run_that_is_killed_before_any_of_its_statements_is_continued(end: date) -> None:
    """After each interruption, the log and what is derived from it agree, and the next run completes the removal."""
    expected = live()
    states = [("closed", "attached")]
    number, is_complete = 0, False
    while not is_complete:
        killed = Killed(number)
        try:
            with connection.execute_wrapper(killed):
                retention.remove(end)
            is_complete = True
        except KeyboardInterrupt:
            connection.close()
        assert compare("default") == []
        assert live() == expected
        state = (Segment.objects.get(name=NAME).state, table_of_segment())
        if state != states[-1]:
            states.append(state)
            number = 0
            Room.objects.add("a", f"new-{len(states)}")
            expected = live()
        else:
            number += 1
    assert states == [
        ("closed", "attached"),
        ("leaving", "attached"),
        ("leaving", "detached"),
        ("leaving", "missing"),
        ("removed", "missing"),
    ]
    assert_removed_once()


@pytest.mark.parametrize("tampered", ["detached", "missing"])
def test_a_run_continues_from_what_it_finds(end: date, tampered: str) -> None:
    """A process can also end after a statement of which it did not learn that it was done."""
    killed = Killed(1000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detaching, "_remove", lambda *arguments: None)
        with connection.execute_wrapper(killed):
            retention.remove(end)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE presence_event_touches DETACH PARTITION {NAME} CONCURRENTLY")
        if tampered == "missing":
            cursor.execute(f"DROP TABLE {NAME}")
    assert retention.remove(end) == ([], [NAME])
    assert_removed_once()


def test_a_detach_that_was_cancelled_is_completed(
    end: date, new_connection: Callable[..., DatabaseConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = new_connection()
    monkeypatch.setattr(
        detaching, "_wait_for_old_transactions", lambda using: reader.run("SELECT count(*) FROM presence_event")
    )
    backend = connection.connection

    def cancel() -> None:
        while table_of_segment_seen_by(reader_of_catalogs) != "pending":
            time.sleep(0.01)
        backend.cancel_safe()

    reader_of_catalogs = new_connection()
    reader_of_catalogs.connection.autocommit = True
    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(OperationalError, match="cancel"):
        retention.remove(end)
    thread.join()
    assert table_of_segment() == "pending"
    assert compare("default") == []
    reader.rollback()
    monkeypatch.undo()
    with segments.on(end):
        assert retention.remove(end).dropped == [NAME]
    assert_removed_once()


def table_of_segment_seen_by(catalogs: DatabaseConnection) -> str:
    text = sql.read("presence_events", "queries/segments/table").replace("%(name)s", f"'{NAME}'")
    return str(catalogs.run(text)[0])  # type: ignore[arg-type]


def test_appends_do_not_wait_for_a_reader_that_the_detach_waits_for(
    end: date, new_connection: Callable[..., DatabaseConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader goes on as long as this test appends. An append that waits for it would take as long."""
    reader, appender = new_connection(), new_connection()
    appender.connection.autocommit = True
    monkeypatch.setattr(detaching, "_wait_for_old_transactions", lambda using: None)
    reader.run("SELECT count(*) FROM presence_event")
    errors: list[BaseException] = []
    outcomes: list[Any] = []

    def run() -> None:
        try:
            with segments.on(end):
                outcomes.append(retention.removing.apply("default"))
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    catalogs = new_connection()
    catalogs.connection.autocommit = True
    while table_of_segment_seen_by(catalogs) != "pending":
        assert thread.is_alive(), errors
        time.sleep(0.01)
    began, longest, number = time.monotonic(), 0.0, 0
    while time.monotonic() < began + 3:
        before = time.monotonic()
        assert appender.append("join", channel=f"c{number}")
        assert appender.append("touch", channel=f"c{number}")
        longest = max(longest, time.monotonic() - before)
        number += 1
    assert thread.is_alive()
    assert outcomes == []
    reader.rollback()
    took = time.monotonic() - began
    thread.join()
    assert errors == []
    assert outcomes[0].dropped == [NAME]
    assert longest < took / 2
    assert compare("default") == []


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ"])
def test_a_transaction_with_an_older_snapshot_delays_the_detach(
    end: date, new_connection: Callable[..., DatabaseConnection], monkeypatch: pytest.MonkeyPatch, isolation: str
) -> None:
    """DETACH would not wait for it: it has not read the log yet. In READ COMMITTED, its next snapshot is a new one."""
    monkeypatch.setattr(detaching, "OLD_TRANSACTIONS_TIMEOUT", 0.3)
    older = new_connection()
    older.run(f"SET TRANSACTION ISOLATION LEVEL {isolation}")  # type: ignore[arg-type]
    older.run("SELECT 1")
    if isolation == "READ COMMITTED":
        assert retention.remove(end).dropped == [NAME]
        return
    with pytest.raises(OperationalError, match=f"pid {older.connection.info.backend_pid}"):
        retention.remove(end)
    assert (Segment.objects.get(name=NAME).state, table_of_segment()) == ("leaving", "attached")
    assert older.run("SELECT count(*) FROM presence_event WHERE kind = 'touch'") != [0]
    assert older.run("SELECT presence_horizon('touches')") == [None]
    older.rollback()
    assert retention.remove(end).dropped == [NAME]
    assert_removed_once()


def test_a_second_run_at_the_same_time_ends(end: date, new_connection: Callable[..., DatabaseConnection]) -> None:
    other = new_connection()
    assert other.run(sql.read("projections", "queries/retention/lock")) == [True]  # type: ignore[arg-type]
    with pytest.raises(RetentionIsRunning):
        retention.remove(end)
    assert Segment.objects.get(name=NAME).state == "closed"
    other.run(sql.read("projections", "queries/retention/unlock"))  # type: ignore[arg-type]
    assert retention.remove(end).dropped == [NAME]
    assert retention.remove(end) == ([], [])


def test_segments_are_not_removed_in_a_transaction(end: date) -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError):
        retention.remove(end)


def test_a_comparison_that_began_before_the_removal_sees_all_events(end: date, monkeypatch: pytest.MonkeyPatch) -> None:
    """The removal waits for it."""
    from projections.replay import repair

    began, running = threading.Event(), threading.Event()
    last_position = repair.last_position

    def slowly(using: str) -> int:
        began.set()
        running.wait(10)
        return last_position(using)

    monkeypatch.setattr(repair, "last_position", slowly)
    found: list[Any] = []

    def run() -> None:
        found.append(compare("default"))
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    began.wait(10)
    monkeypatch.setattr(detaching, "OLD_TRANSACTIONS_TIMEOUT", 0.3)
    with pytest.raises(OperationalError, match="open that can see them"):
        retention.remove(end)
    running.set()
    thread.join()
    assert found == [[]]
    assert retention.remove(end).dropped == [NAME]


def test_a_repair_begins_again_if_the_baseline_moves(end: date, monkeypatch: pytest.MonkeyPatch) -> None:
    from projections.replay import repair
    from tests.projections.replay.histories import tamper

    expected = live()
    tamper("UPDATE presence_open_stay SET data = '1'")
    write, calls = repair._write_under_lock, 0

    def after_removal(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            retention.remove(end)
        return write(*arguments)

    monkeypatch.setattr(repair, "_write_under_lock", after_removal)
    assert repair.repair("default").differences
    assert calls == 2
    assert live() == expected
    assert Presence.objects.count() == len(expected.presences)
