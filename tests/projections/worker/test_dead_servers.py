"""Servers that die, that seem to, and those that watch over them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from presence_events.models import PresenceEvent, Process
from presence_events.process_registry import CHECKS_UNTIL_DEAD, KEEP_ALIVE_INTERVAL
from projections._worker import dead_servers
from projections._worker.dead_servers import DeadServerDetector
from projections.consumers import EVICTED
from projections.models import Presence, PresenceSession, Room
from tests.fold import assert_live_is_the_fold
from tests.projections.live.mixed import CHATS, SELF_RELIANT, beat, client_of, happened, present
from tests.time import age_presences

pytestmark = pytest.mark.django_db(transaction=True)

DIED = {"reason": "server process died", "process": "one"}


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Between two looks the time passes that has to; what is put into the list passes instead, the last first."""
    steps: list[float] = []
    now = 0.0

    def monotonic() -> float:
        nonlocal now
        now += steps.pop() if steps else KEEP_ALIVE_INTERVAL
        return now

    monkeypatch.setattr(dead_servers, "time", SimpleNamespace(monotonic=monotonic, perf_counter=time.perf_counter))
    return steps


def execute(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def claim(process: str, *channels: str, room: str = "room") -> None:
    for channel in channels:
        execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', %s, %s, %s)",
            room,
            channel,
            process,
        )


def live(*names: str) -> None:
    """These processes say that they are alive."""
    for name in names:
        Process.objects.update_or_create(name=name, defaults={"seen_at": Now()}, create_defaults=_born())


def _born() -> dict[str, Any]:
    return {"started_at": Now(), "seen_at": Now()}


def looks(watch: DeadServerDetector, times: int) -> list[int]:
    return [watch.look() for _ in range(times)]


def here() -> list[str]:
    return sorted(Presence.objects.values_list("channel_name", flat=True))


def processes() -> set[str]:
    return set(Process.objects.values_list("name", flat=True))


def test_who_was_connected_to_a_server_that_died_is_pruned_together(signals: list[dict[str, Any]]) -> None:
    claim("one", "1", "2")
    claim("one", "3", room="another")
    claim("two", "4")
    Room.objects.add("room", "nobodys")
    live("one", "two")
    watch = DeadServerDetector("default")
    for _ in range(CHECKS_UNTIL_DEAD):
        live("two")
        assert watch.look() == 0
    live("two")
    assert watch.look() == 3
    assert here() == ["4", "nobodys"]
    pruned = PresenceEvent.objects.filter(kind="prune")
    assert [event.data for event in pruned] == [DIED] * 3
    assert len({event.tx for event in pruned}) == 1
    assert [(each["room"].pk, len(each["events"])) for each in signals if each["bulk_change"]] == [
        ("another", 1),
        ("room", 2),
    ]
    assert {stay.reason["reason"] for stay in PresenceSession.objects.filter(ended_by="prune")} == {DIED["reason"]}
    assert processes() == {"two"}
    assert_live_is_the_fold()


def test_who_says_in_time_that_it_is_alive_is_left_alone() -> None:
    claim("one", "1")
    watch = DeadServerDetector("default")
    for _ in range(4):
        live("one")
        assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert here() == ["1"]
    assert processes() == {"one"}


def test_a_server_that_nobody_is_connected_to_is_forgotten_when_it_is_dead() -> None:
    live("one")
    watch = DeadServerDetector("default")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert processes() == {"one"}
    assert watch.look() == 0
    assert processes() == set()
    assert not PresenceEvent.objects.exists()


def test_a_server_that_never_said_that_it_is_alive_is_not_dead_either() -> None:
    """It may not be able to say so: its connections are pruned by age."""
    claim("one", "1", "2")
    assert looks(DeadServerDetector("default"), 2 * CHECKS_UNTIL_DEAD) == [0] * (2 * CHECKS_UNTIL_DEAD)
    assert here() == ["1", "2"]


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Somebody else's connection. The watch waits for a moment only."""
    monkeypatch.setattr(dead_servers, "PATIENCE", 0.1)
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
def test_while_the_living_could_not_say_so_nobody_is_dead(statement: str, two: Any) -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    looks(watch, CHECKS_UNTIL_DEAD)
    two.execute(statement)
    assert looks(watch, CHECKS_UNTIL_DEAD + 1) == [0] * (CHECKS_UNTIL_DEAD + 1)
    two.execute("ROLLBACK")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert here() == ["1"]
    assert watch.look() == 1


def test_a_look_on_a_connection_that_was_lost_raises() -> None:
    watch = DeadServerDetector("default")
    watch.look()
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with pytest.raises(OperationalError):
        watch.look()
    connection.close()


def test_while_commits_take_long_nobody_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    monkeypatch.setattr(dead_servers, "PATIENCE", 0)
    assert looks(watch, 2 * CHECKS_UNTIL_DEAD) == [0] * (2 * CHECKS_UNTIL_DEAD)
    monkeypatch.undo()
    assert here() == ["1"]


def test_who_has_been_seen_after_the_server_died_is_there_by_another_way() -> None:
    """Its touches come from elsewhere: after the time in which the server may have recorded them itself."""
    claim("one", "1", "close-call", "other")
    live("one")
    Process.objects.update(seen_at=F("seen_at") - timedelta(seconds=3 * KEEP_ALIVE_INTERVAL))
    age_presences("1", "other", seconds=3 * KEEP_ALIVE_INTERVAL)
    age_presences("close-call", seconds=1.5 * KEEP_ALIVE_INTERVAL)
    Presence.objects.touch("other")
    watch = DeadServerDetector("default")
    assert looks(watch, 3 * CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD + [2] + [0] * (2 * CHECKS_UNTIL_DEAD - 1)
    assert here() == ["other"]
    assert processes() == set()


def test_rows_that_somebody_else_is_busy_with_come_with_the_next_look() -> None:
    claim("one", "1", "busy")
    live("one")
    watch = DeadServerDetector("default")
    looks(watch, CHECKS_UNTIL_DEAD)
    done, locked = threading.Event(), threading.Event()

    def lock() -> None:
        try:
            with transaction.atomic():
                execute("SELECT 1 FROM presence WHERE channel_name = 'busy' FOR UPDATE")
                locked.set()
                assert done.wait(30)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        busy = thread.submit(lock)
        assert locked.wait(30)
        try:
            assert watch.look() == 1
            assert here() == ["busy"]
            assert processes() == {"one"}
        finally:
            done.set()
        busy.result()
    assert watch.look() == 1
    assert processes() == set()


def test_a_server_that_comes_back_as_it_is_looked_at_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    looks(watch, CHECKS_UNTIL_DEAD)
    record_select = dead_servers.record_select

    def just_in_time(selection: Any, **options: Any) -> Any:
        live("one")
        return record_select(selection, **options)

    monkeypatch.setattr(dead_servers, "record_select", just_in_time)
    assert looks(watch, CHECKS_UNTIL_DEAD + 1) == [0] * (CHECKS_UNTIL_DEAD + 1)
    assert here() == ["1"]
    assert processes() == {"one"}


def test_who_joins_again_with_a_server_that_was_taken_for_dead_is_not_pruned_again() -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    assert sum(looks(watch, CHECKS_UNTIL_DEAD + 1)) == 1
    claim("one", "1")
    assert looks(watch, 2) == [0, 0]
    live("one")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert here() == ["1"]


@pytest.fixture
def away() -> Iterator[Callable[[], None]]:
    """Nobody can ask, until it is called."""
    execute("ALTER TABLE presence_process RENAME TO elsewhere")

    def back() -> None:
        execute("ALTER TABLE IF EXISTS elsewhere RENAME TO presence_process")

    yield back
    back()


def test_a_database_that_was_away_kills_nobody(request: pytest.FixtureRequest) -> None:
    """However long: nobody could say that they are alive."""
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    back = request.getfixturevalue("away")
    for _ in range(2 * CHECKS_UNTIL_DEAD):
        with pytest.raises(DatabaseError):
            watch.look()
    back()
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    live("one")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert here() == ["1"]


def test_whoever_watches_next_begins_anew() -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert looks(DeadServerDetector("default"), CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    watch.forget()
    assert looks(watch, CHECKS_UNTIL_DEAD) == [0] * CHECKS_UNTIL_DEAD
    assert watch.look() == 1


def test_looks_that_come_too_early_do_not_count(clock: list[float]) -> None:
    claim("one", "1")
    live("one")
    watch = DeadServerDetector("default")
    assert watch.look() == 0
    clock.extend([KEEP_ALIVE_INTERVAL * 0.1] * 5)
    assert looks(watch, 5) == [0] * 5
    clock.extend([KEEP_ALIVE_INTERVAL * 0.5] * 7)
    assert looks(watch, 7) == [0] * 6 + [1]


def test_two_who_watch_at_once_prune_once() -> None:
    claim("one", *map(str, range(50)))
    live("one")
    barrier = threading.Barrier(2)

    def look() -> int:
        watch = DeadServerDetector("default")
        try:
            looks(watch, CHECKS_UNTIL_DEAD)
            barrier.wait(30)
            return sum(looks(watch, 3))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        pruned = [each.result() for each in [threads.submit(look), threads.submit(look)]]
    assert sum(pruned) == 50
    assert PresenceEvent.objects.filter(kind="prune").count() == 50
    assert processes() == set()
    assert_live_is_the_fold()


@pytest.mark.parametrize("chat", CHATS)
async def test_a_server_that_was_only_frozen_joins_its_connections_again(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data="here")
    await until_registered()
    watch = DeadServerDetector("default")
    assert await database_sync_to_async(looks)(watch, CHECKS_UNTIL_DEAD + 1) == [0] * CHECKS_UNTIL_DEAD + [2]
    # It hears of the prunes, and heals at once: in the background.
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
async def test_a_message_joins_again_whom_another_server_took_for_dead(chat: Any) -> None:
    client = await client_of(chat, "a")
    await took_for_dead("a", client.channel)
    assert await client("touch_presence") == 1
    assert await present() == [("a", client.channel)]
    await client.disconnect()


@pytest.mark.parametrize("chat", SELF_RELIANT)
async def test_who_has_no_heartbeat_and_says_nothing_is_evicted(chat: Any) -> None:
    client = await client_of(chat, "a")
    await took_for_dead("a", client.channel)
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


async def until_registered() -> None:
    while not await Process.objects.aexists():
        pass


@database_sync_to_async
def took_for_dead(room: str, channel: str) -> None:
    """Somebody else did, of whom this process does not hear."""
    execute(
        "INSERT INTO presence_event (kind, room, channel_name, data) VALUES ('prune', %s, %s, %s)",
        room,
        channel,
        '{"reason": "server process died", "process": "me"}',
    )
