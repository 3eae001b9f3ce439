"""Servers that die or seem to, and workers that detect it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import DatabaseError, OperationalError, connection, transaction

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.processes.registry import CHECK_INTERVAL, CHECKS_UNTIL_DEAD
from presence_events.recorder import record_select
from projections import selections
from projections._worker import dead_servers
from projections._worker.dead_servers import GRACE, DeadServerDetector
from projections.consumers import EVICTED
from projections.models import Presence, PresenceSession, Process, Room
from tests.fold import assert_live_is_the_fold
from tests.leases import beat as renew
from tests.leases import join_leased, let_pass, move_lease
from tests.projections.live.mixed import CHATS, SELF_RELIANT, beat, client_of, happened, present
from tests.projections.replay.histories import tamper
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)

DIED = {"reason": "server process died", "process": "one"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Replaces the clock. Each call advances it by one interval, or by the last number that it takes from the list."""
    steps: list[float] = []
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now += steps.pop() if steps else CHECK_INTERVAL
        return now

    monkeypatch.setattr(dead_servers, "time", SimpleNamespace(monotonic=monotonic, perf_counter=time.perf_counter))
    return steps


def execute(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def join(process: str, *channels: str, room: str = "room") -> None:
    for channel in channels:
        execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', %s, %s, %s)",
            room,
            channel,
            process,
        )


def checks(detector: DeadServerDetector, times: int) -> list[int]:
    return [detector.check() for _ in range(times)]


def present_channels() -> list[str]:
    return sorted(Presence.objects.values_list("channel_name", flat=True))


def processes() -> set[str]:
    return set(Process.objects.values_list("name", flat=True))


def test_all_connections_of_a_dead_server_are_pruned_together(signals: list[dict[str, Any]]) -> None:
    join("one", "1", "2")
    join("one", "3", room="another")
    join("two", "4")
    Room.objects.add("room", "unclaimed")
    renew("one", "two")
    detector = DeadServerDetector("default")
    for _ in range(CHECKS_UNTIL_DEAD):
        renew("two")
        assert detector.check() == 0
    renew("two")
    assert detector.check() == 3
    assert present_channels() == ["4", "unclaimed"]
    pruned = PresenceEvent.objects.of_rooms().filter(kind="prune")
    assert [event.data for event in pruned] == [DIED] * 3
    assert len({event.tx for event in pruned}) == 1
    assert [(each["room"].pk, len(each["events"])) for each in signals if each["bulk_change"]] == [
        ("another", 1),
        ("room", 2),
    ]
    assert {stay.reason["reason"] for stay in PresenceSession.objects.filter(ended_by="prune")} == {DIED["reason"]}
    assert processes() == {"two"}
    assert_live_is_the_fold()


@pytest.mark.parametrize("seen_in", [0, 3600], ids=["a new server", "an old server"])
def test_a_server_that_dies_after_the_clock_was_set_back_is_detected(seen_in: int) -> None:
    """Its presences were last seen in the future. A server that is older than the jump renews its row there too."""
    join("one", "1", "2")
    renew("one")
    tamper(
        "UPDATE presence_open_stay "
        "SET touched_at = touched_at + interval '1 hour', joined_at = joined_at + interval '1 hour'"
    )
    move_lease("one", seen_in)
    detector = DeadServerDetector("default")
    assert checks(detector, CHECKS_UNTIL_DEAD + 1)[-1] == 2
    assert present_channels() == []
    assert processes() == set()


def test_a_server_that_renews_its_row_in_time_is_alive() -> None:
    join("one", "1")
    detector = DeadServerDetector("default")
    for _ in range(4):
        renew("one")
        assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert present_channels() == ["1"]
    assert processes() == {"one"}


def test_a_dead_server_without_connections_is_deleted() -> None:
    renew("one")
    detector = DeadServerDetector("default")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert processes() == {"one"}
    assert detector.check() == 0
    assert processes() == set()
    assert not PresenceEvent.objects.of_rooms().exists()
    assert_live_is_the_fold()


def test_a_server_without_a_row_is_not_dead() -> None:
    """It may not be allowed to write one. Its connections are pruned by age."""
    join("one", "1", "2")
    assert checks(DeadServerDetector("default"), 2 * CHECKS_UNTIL_DEAD) == [0] * (2 * CHECKS_UNTIL_DEAD)
    assert present_channels() == ["1", "2"]


@pytest.fixture
def other_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A second database connection, inside a transaction. The detector has a short timeout."""
    monkeypatch.setattr(dead_servers, "WRITE_TIMEOUT", 0.1)
    with connection.copy().cursor() as cursor:
        cursor.execute("BEGIN")
        yield cursor
        cursor.execute("COMMIT")
        cursor.db.close()


@pytest.mark.parametrize(
    "statement",
    ["LOCK TABLE presence_event IN SHARE ROW EXCLUSIVE MODE", "SELECT FROM presence_process FOR UPDATE"],
    ids=["the log is locked", "the registry is locked"],
)
def test_while_live_servers_cannot_renew_their_rows_none_is_dead(statement: str, other_connection: Any) -> None:
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    checks(detector, CHECKS_UNTIL_DEAD)
    other_connection.execute(statement)
    assert checks(detector, CHECKS_UNTIL_DEAD + 1) == [0] * (CHECKS_UNTIL_DEAD + 1)
    other_connection.execute("ROLLBACK")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert present_channels() == ["1"]
    assert detector.check() == 1


def test_a_check_locks_no_lease_while_it_commits(other_connection: Any) -> None:
    """Otherwise the beats of all processes would wait for each commit, which can take long."""
    renew("one")
    with transaction.atomic():
        DeadServerDetector("default").check()
        other_connection.execute("SET LOCAL lock_timeout = '10ms'")
        other_connection.execute("INSERT INTO presence_event (kind, room, process) VALUES ('touch', '', 'one')")
        other_connection.execute("COMMIT")


def test_the_write_of_a_check_is_committed() -> None:
    renew("one")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text")
        (first,) = cursor.fetchone()
        DeadServerDetector("default").check()
        cursor.execute("SELECT pg_xact_status(%s::xid8)", [first])
        assert cursor.fetchone() == ("committed",)


def test_a_check_on_a_lost_connection_raises() -> None:
    detector = DeadServerDetector("default")
    detector.check()
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError):
        detector.check()
    connection.close()


def test_while_commits_are_slow_no_server_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    monkeypatch.setattr(dead_servers, "WRITE_TIMEOUT", 0)
    assert checks(detector, 2 * CHECKS_UNTIL_DEAD) == [0] * (2 * CHECKS_UNTIL_DEAD)
    monkeypatch.undo()
    assert present_channels() == ["1"]


def test_a_connection_that_is_touched_after_its_server_died_is_kept() -> None:
    """The touch is too late to come from the server, so it comes from elsewhere."""
    join("one", "1", "close-call", "other")
    renew("one")
    move_lease("one", -1.5 * GRACE)
    age_presences("1", "other", seconds=1.5 * GRACE)
    age_presences("close-call", seconds=0.75 * GRACE)
    Presence.objects.touch("other")
    detector = DeadServerDetector("default")
    assert checks(detector, 3 * CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD + [2] + [0] * (2 * CHECKS_UNTIL_DEAD - 1)
    assert present_channels() == ["other"]
    assert processes() == set()


def test_locked_rows_are_pruned_by_the_next_check() -> None:
    join("one", "1", "busy")
    renew("one")
    detector = DeadServerDetector("default")
    checks(detector, CHECKS_UNTIL_DEAD)
    done, locked = threading.Event(), threading.Event()

    def lock() -> None:
        try:
            with transaction.atomic():
                execute("SELECT 1 FROM presence_open_stay WHERE channel_name = 'busy' FOR UPDATE")
                locked.set()
                assert done.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(lock)
        assert locked.wait(30)
        try:
            assert detector.check() == 1
            assert present_channels() == ["busy"]
            assert processes() == {"one"}
        finally:
            done.set()
        busy.result()
    assert detector.check() == 1
    assert processes() == set()


def test_interleaving_a_server_that_renews_its_row_before_the_prune_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The detector reads that the server is silent, the server renews its row, the detector prunes."""
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    checks(detector, CHECKS_UNTIL_DEAD)
    record_select = dead_servers.record_select

    def just_in_time(selection: Any, **options: Any) -> Any:
        renew("one")
        return record_select(selection, **options)

    monkeypatch.setattr(dead_servers, "record_select", just_in_time)
    assert checks(detector, CHECKS_UNTIL_DEAD + 1) == [0] * (CHECKS_UNTIL_DEAD + 1)
    assert present_channels() == ["1"]
    assert processes() == {"one"}


def test_connections_that_rejoin_after_a_mistaken_prune_are_not_pruned_again() -> None:
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    assert sum(checks(detector, CHECKS_UNTIL_DEAD + 1)) == 1
    join("one", "1")
    assert checks(detector, 2) == [0, 0]
    renew("one")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert present_channels() == ["1"]


@pytest.fixture
def registry_unavailable() -> Iterator[Callable[[], None]]:
    """Makes checks fail until it is called."""
    execute("ALTER TABLE presence_process RENAME TO elsewhere")

    def restore() -> None:
        execute("ALTER TABLE IF EXISTS elsewhere RENAME TO presence_process")

    yield restore
    restore()


def test_no_server_is_dead_after_the_database_was_unavailable(request: pytest.FixtureRequest) -> None:
    """However long that was, live servers could not renew their rows."""
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    restore = request.getfixturevalue("registry_unavailable")
    for _ in range(2 * CHECKS_UNTIL_DEAD):
        with pytest.raises(DatabaseError):
            detector.check()
    restore()
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    renew("one")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert present_channels() == ["1"]


def test_a_new_or_reset_detector_counts_from_the_beginning() -> None:
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert checks(DeadServerDetector("default"), CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    detector.reset()
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert detector.check() == 1


def test_early_checks_do_not_count(clock: list[float]) -> None:
    join("one", "1")
    renew("one")
    detector = DeadServerDetector("default")
    assert detector.check() == 0
    clock.extend([CHECK_INTERVAL * 0.1] * 5)
    assert checks(detector, 5) == [0] * 5
    calls = 2 * CHECKS_UNTIL_DEAD - 1
    clock.extend([CHECK_INTERVAL * 0.5] * calls)
    assert checks(detector, calls) == [0] * (calls - 1) + [1]


def test_two_detectors_at_once_prune_once() -> None:
    join("one", *map(str, range(50)))
    renew("one")
    barrier = threading.Barrier(2)

    def check() -> int:
        detector = DeadServerDetector("default")
        try:
            checks(detector, CHECKS_UNTIL_DEAD)
            barrier.wait(30)
            # A lease that the other detector has locked is left for the next check.
            return sum(checks(detector, 20))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        pruned = [each.result() for each in [threads.submit(check), threads.submit(check)]]
    assert sum(pruned) == 50
    assert PresenceEvent.objects.of_rooms().filter(kind="prune").count() == 50
    assert processes() == set()
    assert_live_is_the_fold()


@pytest.mark.parametrize("chat", CHATS)
async def test_a_server_that_was_only_frozen_rejoins_its_connections(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data="here")
    await until_registered()
    detector = DeadServerDetector("default")
    assert await database_sync_to_async(checks)(detector, CHECKS_UNTIL_DEAD + 1) == [0] * CHECKS_UNTIL_DEAD + [2]
    # The server is notified of the prunes, and heals at once, in the background.
    async with asyncio.timeout(30):
        while await present() != [("a", client.channel), ("b", client.channel)]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await beat()
    stays = [(stay.user_id, stay.data) async for stay in Presence.objects.all()]
    assert stays == [(user.pk, "here")] * 2
    assert await client.open_and_quiet()
    await client.disconnect()
    assert await happened() == [
        f"{kind} {room}"
        for kind, rooms in [("join", "ab"), ("prune", "ab"), ("join", "ab"), ("leave", "ab")]
        for room in rooms
    ]


@pytest.mark.parametrize("chat", [*CHATS, *SELF_RELIANT])
async def test_a_message_heals_a_connection_that_another_process_pruned_by_mistake(chat: Any) -> None:
    client = await client_of(chat, "a")
    await prune_by_mistake("a", client.channel)
    assert await client("touch_presence") == 1
    assert await present() == [("a", client.channel)]
    await client.disconnect()


@pytest.mark.parametrize("chat", SELF_RELIANT)
async def test_a_silent_connection_without_a_heartbeat_is_evicted(chat: Any) -> None:
    client = await client_of(chat, "a")
    await prune_by_mistake("a", client.channel)
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


async def until_registered() -> None:
    while not await Process.objects.aexists():
        pass


@database_sync_to_async
def prune_by_mistake(room: str, channel: str) -> None:
    """Prunes as another process would, without notifying this one."""
    execute(
        "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('prune', %s, %s, %s)",
        room,
        channel,
        '{"reason": "server process died", "process": "me"}',
    )


def test_the_connections_on_the_lease_of_a_dead_server_are_pruned_and_the_lease_ends() -> None:
    join_leased("one", "room", "1", "2")
    join_leased("two", "room", "3")
    renew("one", "two")
    detector = DeadServerDetector("default")
    for _ in range(CHECKS_UNTIL_DEAD + 1):
        renew("two")
        pruned = detector.check()
    assert pruned == 2
    assert present_channels() == ["3"]
    assert processes() == {"two"}
    ended = PresenceEvent.objects.get(room="", kind="prune")
    last_beat = PresenceEvent.objects.filter(room="", kind="touch", process="one").latest("id")
    assert (ended.process, ended.since, ended.last_seen) == ("one", last_beat.since, last_beat.at)
    assert {event.last_seen for event in PresenceEvent.objects.of_rooms().filter(kind="prune")} == {last_beat.at}
    assert_live_is_the_fold()


def test_interleaving_a_beat_in_progress_when_its_server_is_pruned_keeps_the_connections() -> None:
    """The beat is not committed yet, so the lease looks unchanged to the detector."""
    join_leased("one", "room", "1")
    renew("one")
    detector = DeadServerDetector("default")
    checks(detector, CHECKS_UNTIL_DEAD)
    seen = dict(detector._rows("processes"))
    with connection.copy().cursor() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO presence_event (kind, room, process) VALUES ('touch', '', 'one')")
        select = selections.prune_dead_servers(list(seen), list(seen.values()), GRACE)
        assert record_select(select, using="default") == []
        other.execute("COMMIT")
        other.db.close()
    assert record_select(select, using="default") == []
    assert present_channels() == ["1"]
    assert_live_is_the_fold()


class OpenTransaction:
    """A transaction of the application that has pruned a room and stays open during the block."""

    def __init__(self, room: str, age: float) -> None:
        self._room, self._age = room, age
        self._pruned, self._done = threading.Event(), threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._pruned.wait(30)

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with transaction.atomic():
                Room.named(self._room).prune_presences(self._age)
                self._pruned.set()
                assert self._done.wait(60)
        finally:
            connection.close()


def test_an_open_transaction_that_prunes_a_room_kills_no_process() -> None:
    """It has locked the lease of the process, whose beats wait."""
    join_leased("one", "idle", "1")
    join_leased("one", "busy", "2")
    renew("one")
    let_pass(8)
    detector = DeadServerDetector("default")
    with OpenTransaction("idle", 5):
        for _ in range(CHECKS_UNTIL_DEAD + 2):
            params = {"name": "one", "lock_timeout": "10ms"}
            with pytest.raises(OperationalError):
                sql.rows("presence_events", "queries/processes/beat", params, using="default")
            assert detector.check() == 0
    assert present_channels() == ["2"]
    assert checks(detector, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert detector.check() == 1


def test_an_open_transaction_that_prunes_a_room_does_not_stop_the_detection_of_others() -> None:
    join_leased("one", "idle", "1")
    renew("one", "without stays")
    join_leased("two", "busy", "2")
    let_pass(8)
    renew("two")
    detector = DeadServerDetector("default")
    with OpenTransaction("idle", 5):
        assert sum(checks(detector, CHECKS_UNTIL_DEAD + 1)) == 1
        assert processes() == {"one"}
    assert_live_is_the_fold()


def test_a_prune_of_a_room_locks_no_lease_of_other_rooms() -> None:
    join_leased("one", "idle", "1")
    join_leased("two", "busy", "2")
    renew("one", "two")
    let_pass(8)
    with OpenTransaction("idle", 5):
        renew("two")
    assert present_channels() == ["2"]


def test_interleaving_a_beat_in_progress_when_its_lease_is_ended_keeps_the_lease() -> None:
    renew("one")
    ((name, seen),) = DeadServerDetector("default")._rows("processes")
    params = {"names": [name], "seen": [seen], "grace": GRACE}
    with connection.copy().cursor() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO presence_event (kind, room, process) VALUES ('touch', '', 'one')")
        assert DeadServerDetector("default")._rows("end_leases", params) == []
        other.execute("COMMIT")
        other.db.close()
    assert DeadServerDetector("default")._rows("end_leases", params) == []
    assert processes() == {"one"}


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_leases_end_whatever_the_default_isolation_level_is(level: str) -> None:
    join_leased("one", "room", "1")
    renew("one", "expired")
    move_lease("expired", -86_500)
    execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")
    try:
        detector = DeadServerDetector("default")
        assert Process.objects.end_expired_leases() == 1
        assert sum(checks(detector, CHECKS_UNTIL_DEAD + 1)) == 1
        assert processes() == set()
    finally:
        connection.close()
