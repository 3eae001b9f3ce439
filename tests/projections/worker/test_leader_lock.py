"""One worker leads, and another takes over when the leader ends."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import Error, OperationalError, connection, connections, transaction

from presence_events.exceptions import ConnectionIsPooled
from projections._delivery.wakeup import channel, wake
from projections._worker.leader_lock import LeaderLock
from projections.models import Room
from projections.status import status
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def make_lock() -> Iterator[Callable[..., LeaderLock]]:
    """Makes locks, which are released at the end of the test."""
    locks: list[LeaderLock] = []

    def make(name: str = "projector") -> LeaderLock:
        locks.append(LeaderLock(name, using="default"))
        return locks[-1]

    yield make
    for lock in locks:
        lock.release()


def test_one_leads_until_it_releases_the_lock(make_lock: Callable[..., LeaderLock]) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    assert one.acquire()
    assert not other.acquire()
    one.release()
    assert other.acquire()
    assert not one.acquire()


def test_each_name_has_a_leader(make_lock: Callable[..., LeaderLock]) -> None:
    assert make_lock().acquire()
    assert make_lock("reports").acquire()


def test_a_leader_that_loses_its_connection_no_longer_leads(make_lock: Callable[..., LeaderLock]) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory'")
    with pytest.raises(Error):
        one.acquire()
    assert other.acquire()
    assert not one.acquire()


def test_its_connection_does_not_come_from_a_pool_that_would_keep_the_lock(
    make_lock: Callable[..., LeaderLock],
) -> None:
    connection.settings_dict["OPTIONS"]["pool"] = True
    try:
        one, other = make_lock(), make_lock()
    finally:
        del connection.settings_dict["OPTIONS"]["pool"]
    assert one.acquire()
    one.release()
    wait_until(other.acquire)


def test_a_shared_database_connection_is_refused(
    make_lock: Callable[..., LeaderLock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next client gets the same one, as behind PgBouncer in transaction mode. The lock would stay there."""
    one, other = make_lock(), make_lock()
    monkeypatch.setattr(type(connections["default"]), "copy", lambda self: self)
    with pytest.raises(ConnectionIsPooled, match="--database"):
        one.acquire()
    monkeypatch.undo()
    assert other.acquire()


def test_a_waiting_leader_can_be_woken(make_lock: Callable[..., LeaderLock]) -> None:
    lock = make_lock()
    assert lock.acquire()
    woken = threading.Event()

    def wake_until_woken() -> None:
        wait_until(lambda: wake("default") or woken.is_set())
        connection.close()

    thread = threading.Thread(target=wake_until_woken)
    thread.start()
    lock.wait(3600)
    woken.set()
    thread.join()


@pytest.mark.parametrize("is_coroutine", [False, True])
def test_recording_wakes_the_leader_if_that_is_configured(
    is_coroutine: bool, settings: Any, make_lock: Callable[..., LeaderLock]
) -> None:
    settings.CHANNELS_PRESENCE_NOTIFY = True
    lock = make_lock()
    assert lock.acquire()
    lock.wait(0)
    asyncio.run(join()) if is_coroutine else Room.objects.add("room", "channel")
    lock.wait(3600)


async def join() -> None:
    await Room.objects.aadd("room", "channel")
    await sync_to_async(connections.close_all)()


def hold_all_locks_of_the_leader() -> str:
    """Returns a statement with which any role holds, or waits for, the advisory locks that are held now."""
    return (
        "SELECT pg_try_advisory_lock((classid::bigint << 32) | objid::bigint) FROM pg_locks "
        "WHERE locktype = 'advisory' AND objsubid = 1"
    )


@pytest.fixture
def stranger() -> Iterator[Any]:
    """A cursor of another database connection, of a role without rights."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("CREATE ROLE stranger")
        cursor.execute("SET ROLE stranger")
        yield cursor
        cursor.execute("RESET ROLE")
        cursor.execute("SELECT pg_advisory_unlock_all()")
        cursor.execute("DROP ROLE stranger")
    other.close()


def has_leader() -> bool | None:
    return status().has_worker


def test_a_stranger_who_holds_advisory_locks_neither_leads_nor_keeps_others_from_leading(
    make_lock: Callable[..., LeaderLock], stranger: Any
) -> None:
    one, other = make_lock(), make_lock()
    stranger.execute("SELECT pg_advisory_lock(hashtextextended('presence:projector', 0))")
    assert has_leader() is False
    assert one.acquire()
    assert has_leader()
    stranger.execute(hold_all_locks_of_the_leader())
    one.release()
    assert has_leader() is False
    assert other.acquire()
    assert has_leader()


def test_a_stranger_who_takes_over_the_lock_of_a_dead_leader_does_not_lead(
    make_lock: Callable[..., LeaderLock], stranger: Any
) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid, key FROM presence_leader")
        pid, key = cursor.fetchone()
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    stranger.execute("SELECT pg_advisory_lock(%s)", [key])
    assert has_leader() is False
    assert other.acquire()


@pytest.mark.parametrize(
    "statement", ["UPDATE presence_leader SET pid = pg_backend_pid()", "SELECT * FROM presence_leader"]
)
def test_a_stranger_cannot_write_or_read_who_leads(stranger: Any, statement: str) -> None:
    with pytest.raises(Error, match="permission denied"):
        stranger.execute(statement)


def test_of_two_that_try_at_the_same_time_one_leads(make_lock: Callable[..., LeaderLock]) -> None:
    """Both have seen that no process leads before one of them writes the row."""
    one, other = make_lock(), make_lock()
    original = other._check_that_the_connection_is_its_own

    def let_the_first_lead() -> None:
        original()
        assert one.acquire()

    other._check_that_the_connection_is_its_own = let_the_first_lead  # type: ignore[method-assign]
    assert not other.acquire()
    assert one.is_held()
    assert not other.is_held()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone() == (1,)


def test_a_leader_whose_row_was_taken_away_no_longer_leads(make_lock: Callable[..., LeaderLock]) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM presence_leader")
    assert not one.is_held()
    assert other.acquire()
    assert not one.acquire()


SCHEMA = "other_schema"


@pytest.fixture
def other_installation() -> Iterator[Callable[..., str]]:
    """Returns a function that runs a command in another installation, in a schema of its own in the same database."""
    settings = connection.settings_dict
    user = f"{settings['USER']}:{settings['PASSWORD']}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{user}@:{settings['PORT'] or 5432}/{settings['NAME']}?host={settings['HOST']}",
        "PGOPTIONS": f"-c search_path={SCHEMA}",
    }

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "django", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        cursor.execute(f"CREATE SCHEMA {SCHEMA}")
        yield run
        cursor.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


def test_an_installation_in_another_schema_has_a_leader_and_a_channel_of_its_own(
    make_lock: Callable[..., LeaderLock], other_installation: Callable[..., str]
) -> None:
    other_installation("migrate", "--verbosity", "0")
    lock = make_lock()
    assert lock.acquire()
    found = json.loads(other_installation("presence_status", "--format", "json"))
    assert (found["has_worker"], found["triggers"]) == (False, [])
    assert other_installation("run_projector", "--once", "--prune") == "0 presences and 0 rooms pruned\n"
    assert has_leader()
    with connection.cursor() as cursor:
        here = channel(cursor)
        with transaction.atomic():
            cursor.execute(f"SET LOCAL search_path = {SCHEMA}")
            assert channel(cursor) != here


@pytest.fixture
def login_stranger() -> Iterator[Any]:
    """A cursor of a database connection that has logged in as a role without rights."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE login_stranger LOGIN")
    other = connection.copy()
    other.settings_dict = {**other.settings_dict, "USER": "login_stranger", "PASSWORD": ""}
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE login_stranger")


def test_a_stranger_who_gets_the_process_id_and_the_lock_of_a_dead_leader_does_not_lead(
    make_lock: Callable[..., LeaderLock], login_stranger: Any
) -> None:
    one, other = make_lock(), make_lock()
    assert one.acquire()
    one.release()
    login_stranger.execute("SELECT pg_backend_pid()")
    (pid,) = login_stranger.fetchone()
    with connection.cursor() as cursor:
        # PostgreSQL gives the process id of an ended connection to a later one.
        cursor.execute("UPDATE presence_leader SET pid = %s RETURNING key", [pid])
        (key,) = cursor.fetchone()
    login_stranger.execute("SELECT pg_advisory_lock(%s)", [key])
    assert has_leader() is False
    assert other.acquire()
    assert has_leader()


def test_a_role_without_rights_sees_as_which_role_the_leader_has_logged_in(
    make_lock: Callable[..., LeaderLock], login_stranger: Any
) -> None:
    assert make_lock().acquire()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid, role FROM presence_leader")
        pid, role = cursor.fetchone()
    login_stranger.execute("SELECT usesysid FROM pg_stat_activity WHERE pid = %s", [pid])
    assert login_stranger.fetchone() == (role,)


LOCKS = {
    "row": "UPDATE presence_leader SET since = since",
    "new row": "INSERT INTO presence_leader (name, pid, role, key, since) VALUES ('projector', 0, 0, 0, now())",
    "table": "LOCK TABLE presence_leader IN ACCESS EXCLUSIVE MODE",
}


@pytest.mark.parametrize("statement", LOCKS.values(), ids=LOCKS)
def test_a_worker_stands_by_while_another_session_holds_a_lock(
    make_lock: Callable[..., LeaderLock], statement: str
) -> None:
    lock = make_lock()
    if statement == LOCKS["row"]:
        assert lock.acquire()
        lock.release()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert not lock.acquire()
        assert not lock.is_held()
        transaction.set_rollback(True)
    assert lock.acquire()
    assert lock.is_held()


def test_a_leader_steps_down_while_another_session_locks_the_table(make_lock: Callable[..., LeaderLock]) -> None:
    lock = make_lock()
    assert lock.acquire()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCKS["table"])
        with pytest.raises(OperationalError, match="lock timeout"):
            lock.is_held()
    assert not lock.is_held()
    assert lock.acquire()
