"""The heartbeat: the beats, the comparisons, and what follows them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError, InterfaceError, OperationalError, connections

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord_select, record
from projections import selections
from projections._delivery import groups
from projections._live import async_connection, heartbeat, joins, live_loop, sync_connection
from projections._live.heartbeat import Heartbeat
from projections._live.missing_stays import Missing, Reviewer, log_failure
from projections._live.stopwatch import Stopwatch
from projections.managers import PresenceManager
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.projections.live.mixed import (
    CHATS,
    AsyncChat,
    AsyncSelfReliant,
    Client,
    SyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    in_group,
    present,
    process,
)
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collects the queries of comparisons."""
    queries: list[str] = []
    real = Heartbeat._query

    async def listed(self: Heartbeat, name: str) -> Any:
        queries.append(name)
        return await real(self, name)

    monkeypatch.setattr(Heartbeat, "_query", listed)
    return queries


async def leases() -> dict[str, list[tuple[str, bool]]]:
    """Returns the room of each stay, and whether it is leased, by the name of the connection."""
    found: dict[str, list[tuple[str, bool]]] = {}
    async for name, *stay in Presence.objects.order_by("room").values_list("channel_name", "room_id", "is_leased"):
        found.setdefault(name, []).append((stay[0], stay[1]))
    return found


async def last_seen(client: Client) -> Any:
    return await Presence.objects.values_list("last_seen", flat=True).aget(channel_name=client.channel)


async def in_own_thread(function: Callable[[], Any]) -> Any:
    def call() -> Any:
        try:
            return function()
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


async def ghost(room: str = "a", channel_name: str = "ghost") -> None:
    """Adds a stay to the lease of this process that the process does not have."""
    await arecord_select(selections.join(room, channel_name, None, None, is_leased=True), using="default")


async def test_a_beat_keeps_all_connections_alive_for_which_the_process_vouches() -> None:
    clients = [
        await client_of(AsyncChat, "a", "b"),
        await client_of(SyncChat, "a"),
        await client_of(AsyncSelfReliant, "a"),
    ]
    before = [await last_seen(client) for client in (clients[1], clients[2])]
    assert await leases() == {
        clients[0].channel: [("a", True), ("b", True)],
        clients[1].channel: [("a", True)],
        clients[2].channel: [("a", False)],
    }
    await beat()
    assert await last_seen(clients[1]) > before[0]
    assert await last_seen(clients[2]) == before[1]
    assert await PresenceEvent.objects.of_rooms().filter(kind="touch").acount() == 0
    await sync_to_async(assert_live_is_the_fold)()
    for client in clients:
        await client.disconnect()


async def test_a_beat_is_one_event_however_many_connections_there_are() -> None:
    clients = [await client_of(AsyncChat, "a", "b") for _ in range(3)]
    await beat()
    before = await PresenceEvent.objects.acount()
    await beat()
    assert await PresenceEvent.objects.acount() == before + 1
    event = await PresenceEvent.objects.order_by("id").alast()
    assert (event.kind, event.room, event.channel_name, event.process) == ("touch", "", None, process().name)
    for client in clients:
        await client.disconnect()


async def test_the_leave_has_the_last_beat_as_the_last_sign_of_life() -> None:
    client = await client_of(AsyncChat, "a")
    await beat()
    seen = await last_seen(client)
    await client.disconnect()
    left = await PresenceEvent.objects.aget(kind="leave")
    assert left.since < left.last_seen == seen <= left.at


async def test_a_comparison_without_a_difference_does_not_list_the_stays(compared: list[str]) -> None:
    client = await client_of(AsyncChat, "a", "b")
    await beat()
    assert compared == ["leased_sum"]
    await end_elsewhere("leave", "a", client)
    await beat()
    assert compared == ["leased_sum"] * 2 + ["leased_stays"]
    await client.disconnect()


@both
async def test_a_connection_is_taken_off_the_lease_by_one_touch_and_put_back_by_another(chat: Any) -> None:
    client = await client_of(chat, "a")
    connection = client.consumer._presence
    for vouched in (False, True):
        connection.heartbeat = vouched
        for _ in range(2):
            await beat()
        assert await leases() == {client.channel: [("a", vouched)]}
    changes = PresenceEvent.objects.of_rooms().filter(kind="touch").order_by("id")
    assert [(each.is_leased, each.process) async for each in changes] == [
        (False, process().name),
        (True, process().name),
    ]
    await sync_to_async(assert_live_is_the_fold)()
    await client.disconnect()


async def test_a_connection_that_was_present_when_it_joined_is_put_on_the_lease() -> None:
    """Nothing is recorded for its join, so the process learns from the next comparisons what the stay is."""
    client = await client_of(AsyncChat)
    await Room.objects.aadd("a", client.channel)
    await client("join_room", "a")
    for _ in range(3):
        await beat()
    assert await leases() == {client.channel: [("a", True)]}
    assert client.consumer._presence.stays()[0].session == (await Presence.objects.aget()).pk
    assert await client.open_and_quiet()
    await client.disconnect()


async def test_a_stay_on_the_lease_that_the_process_lacks_is_pruned_with_the_second_beat() -> None:
    client = await client_of(AsyncChat, "a")
    await ghost()
    await beat()
    assert len(await present()) == 2
    await beat()
    assert await present() == [("a", client.channel)]
    pruned = await PresenceEvent.objects.aget(kind="prune")
    assert (pruned.channel_name, pruned.data) == ("ghost", {"reason": "no longer connected to its server process"})
    assert await client.open_and_quiet()
    await client.disconnect()


async def test_another_ghost_at_the_second_beat_is_not_the_first_one() -> None:
    client = await client_of(AsyncChat, "a")
    await ghost()
    await beat()
    await Room.objects.aremove("a", "ghost")
    await ghost()
    await beat()
    assert len(await present()) == 2
    await beat()
    assert await present() == [("a", client.channel)]
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_ghost_is_pruned_although_its_process_has_no_connections_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The leave of the last connection has failed."""
    client = await client_of(AsyncChat, "a")

    async def failing(*args: Any) -> int:
        raise OperationalError("the database is unavailable")

    with monkeypatch.context() as patched:
        patched.setattr(PresenceManager, "aleave_all", failing)
        await client.disconnect()
    async with asyncio.timeout(30):
        while await present():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_an_evicted_connection_whose_socket_does_not_close_is_not_kept_alive_in_its_other_rooms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await client_of(AsyncChat, "a", "b")
    monkeypatch.setattr(client.consumer._presence, "_send", lambda message: asyncio.Event().wait())
    await beat()
    await end_elsewhere("prune", "a", client)
    for _ in range(3):
        await beat()
    assert client.consumer._presence.evicted
    assert await present() == []
    client.cancel()


async def test_a_stay_that_was_replaced_elsewhere_settles(compared: list[str]) -> None:
    client = await client_of(AsyncChat, "a")
    await beat()
    await Room.objects.aremove("a", client.channel)
    await Room.objects.aadd("a", client.channel)
    for _ in range(4):
        await beat()
    compared.clear()
    for _ in range(3):
        await beat()
    assert compared == ["leased_sum"] * 3
    assert await leases() == {client.channel: [("a", True)]}
    await client.disconnect()


async def test_a_rejoin_whose_group_fails_settles(compared: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)

    async def failing(changes: Any, *args: Any, **kwargs: Any) -> Any:
        return {pair: OSError("no layer") for pair, is_add in changes.items() if is_add}

    with monkeypatch.context() as patched:
        patched.setattr(groups, "_apply", failing)
        await beat()
    for _ in range(4):
        await beat()
    compared.clear()
    for _ in range(3):
        await beat()
    assert compared == ["leased_sum"] * 3
    assert await leases() == {client.channel: [("a", True)]}
    await client.disconnect()


@both
async def test_a_join_again_keeps_what_is_known_of_the_stay(chat: Any, compared: list[str]) -> None:
    """Nothing is recorded. The client no longer answers pings."""
    client = await client_of(chat, "a")
    await beat()
    compared.clear()
    await client("join_room", "a")
    await beat()
    assert compared == ["leased_sum"]
    client.consumer._presence.heartbeat = False
    await client("join_room", "a")
    for _ in range(2):
        await beat()
    assert await leases() == {client.channel: [("a", False)]}
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_beats_begin_with_the_first_room_also_if_nothing_is_recorded_for_it() -> None:
    """Another process has recorded the join."""
    client = await client_of(AsyncChat)
    await database_sync_to_async(record)([Draft("join", "a", client.channel)])
    await client("join_room", "a")
    async with asyncio.timeout(30):
        while await leases() != {client.channel: [("a", True)]}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await client.disconnect()


async def test_connections_made_by_hand_are_neither_leased_nor_ghosts() -> None:
    client = await client_of(AsyncChat, "a")
    await Room.objects.aadd("a", "by-hand")
    for _ in range(3):
        await beat()
    assert (await leases())["by-hand"] == [("a", False)]
    await client.disconnect()


@both
@pytest.mark.usefixtures("fast")
async def test_comparisons_begin_with_the_first_room_and_go_on_without_connections(
    chat: Any, compared: list[str]
) -> None:
    here = live_loop.current().database("default")
    client = await client_of(chat)
    assert not process().listeners
    await client("join_room", "a")
    await until(lambda: len(compared) >= 2)
    await client.disconnect()
    assert not here.registry._connections
    compared.clear()
    await until(lambda: len(compared) >= 2)
    assert len(process().listeners) == 1


@pytest.mark.usefixtures("fast")
async def test_comparisons_start_again_with_the_next_connection(compared: list[str]) -> None:
    for _ in range(2):
        client = await client_of(AsyncChat, "a")
        compared.clear()
        await until(lambda: compared)
        await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_comparison_that_fails_is_logged_and_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, compared: list[str]
) -> None:
    async def failing(self: Heartbeat, name: str) -> Any:
        raise DatabaseError("a fault")

    client = await client_of(AsyncChat, "a")
    with monkeypatch.context() as patched:
        patched.setattr(Heartbeat, "_query", failing)
        await until(lambda: caplog.text.count("Could not compare the connections with the database") >= 2)
    assert "a fault" in caplog.text
    compared.clear()
    await until(lambda: compared)
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_comparisons_do_not_run_in_the_context_of_the_first_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    request: ContextVar[str] = ContextVar("request", default="empty")
    seen: list[str] = []
    real = Heartbeat.compare

    async def compare(self: Heartbeat) -> Any:
        seen.append(request.get())
        return await real(self)

    class First(AsyncChat):
        async def join_room(self, *args: Any) -> None:
            request.set("the first consumer's")
            await super().join_room(*args)

    monkeypatch.setattr(Heartbeat, "compare", compare)
    client = await client_of(First, "a")
    await until(lambda: len(seen) >= 2)
    assert set(seen) == {"empty"}
    await client.disconnect()


@pytest.mark.usefixtures("fast")
def test_a_loop_that_ends_during_a_comparison_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """A comparison is in progress when the tasks of the loop are cancelled."""
    begun: list[bool] = []

    async def main() -> None:
        client = await client_of(AsyncChat, "a")

        async def endless() -> None:
            begun.append(True)
            await asyncio.Event().wait()

        live_loop.current().database("default").heartbeat.compare = endless  # type: ignore[method-assign]
        await until(lambda: begun)
        assert client.channel

    asyncio.run(main())
    assert caplog.records == []
    assert [event.kind for event in PresenceEvent.objects.of_rooms()] == ["join", "leave"]


@pytest.mark.usefixtures("fast")
async def test_a_review_that_hangs_does_not_stop_the_comparisons(monkeypatch: pytest.MonkeyPatch) -> None:
    reviewing = asyncio.Event()
    beats: list[bool] = []
    real = Heartbeat.compare

    async def compare(self: Heartbeat) -> Any:
        beats.append(reviewing.is_set())
        return await real(self)

    async def hang(reviewer: Reviewer, missing: Missing) -> None:
        reviewing.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Heartbeat, "compare", compare)
    monkeypatch.setattr(Reviewer, "review", hang)
    client = await client_of(AsyncChat, "a")
    await until(lambda: beats.count(True) >= 3)
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_review_that_fails_is_logged_and_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reviews: list[bool] = []

    async def fail(reviewer: Reviewer, missing: Missing) -> None:
        reviews.append(True)
        raise DatabaseError("unavailable")

    monkeypatch.setattr(Reviewer, "review", fail)
    client = await client_of(AsyncChat, "a")
    await until(lambda: len(reviews) >= 2)
    await client.disconnect()
    assert any("Could not review missing stays" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(
    ("error", "level", "has_traceback"),
    [
        (OperationalError("the server closed the connection"), "WARNING", False),
        (InterfaceError("the connection is closed"), "WARNING", False),
        (DatabaseError("a fault"), "ERROR", True),
    ],
)
def test_an_unavailable_database_is_logged_without_a_traceback(
    caplog: pytest.LogCaptureFixture, error: Exception, level: str, has_traceback: bool
) -> None:
    log_failure("Could not review missing stays.", error)
    (record,) = caplog.records
    assert (record.levelname, bool(record.exc_info)) == (level, has_traceback)
    assert record.getMessage().startswith("Could not review missing stays. The next heartbeat retries.")


@pytest.mark.usefixtures("fast")
async def test_a_beat_during_a_comparison_starts_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bool] = []
    gate = asyncio.Event()

    async def compare(self: Heartbeat) -> Missing:
        begun.append(True)
        await gate.wait()
        return Missing([], process_stalled=False, since=Stopwatch())

    monkeypatch.setattr(Heartbeat, "compare", compare)
    notified: list[None] = []
    client = await client_of(AsyncChat, "a")
    process().listeners.append(lambda: notified.append(None))
    await until(lambda: begun and len(notified) >= 3)
    assert len(begun) == 1
    gate.set()
    await until(lambda: len(begun) >= 2)
    await client.disconnect()


@pytest.mark.parametrize("what", ["interpreter shutdown", "shutdown"])
def test_nothing_is_logged_while_the_process_exits(caplog: pytest.LogCaptureFixture, what: str) -> None:
    """The threads of the process take no calls any more. Whether Python or its server says so first is chance."""
    log_failure("Could not compare.", RuntimeError(f"cannot schedule new futures after {what}"))
    assert not caplog.records


@pytest.mark.usefixtures("fast")
async def test_heartbeats_renew_the_groups() -> None:
    client = await client_of(AsyncChat, "a")
    get_channel_layer().groups.clear()
    await until(lambda: in_group(client, "a"))
    await client.disconnect()


# A comparison is in progress in the tests below. It is held up when it has its answer and has not used it yet.


class HeldUpComparison:
    """Runs the body of ``async with`` after a comparison has its answer, or ``before`` it, and then lets it go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> None:
        real = Heartbeat._query
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

        async def held_up(heartbeat: Heartbeat, name: str) -> Any:
            rows = [] if before else await real(heartbeat, name)
            self.reached.set()
            await self.gate.wait()
            return await real(heartbeat, name) if before else rows

        monkeypatch.setattr(Heartbeat, "_query", held_up)

    async def __aenter__(self) -> None:
        self.task = asyncio.create_task(beat())
        await self.reached.wait()

    async def __aexit__(self, *error: object) -> None:
        self.gate.set()
        await self.task


async def test_interleaving_a_locked_presence_does_not_delay_the_other_connections() -> None:
    """A transaction that hangs has locked one of two presences, which come off the lease. Neither is evicted."""
    held, free = await client_of(AsyncChat, "a"), await client_of(AsyncChat, "a")
    for client in (held, free):
        client.consumer._presence.heartbeat = False

    def hang() -> Any:
        transaction = connections["default"].copy()
        transaction.set_autocommit(False)
        with transaction.cursor() as cursor:
            cursor.execute("SELECT FROM presence_open_stay WHERE channel_name = %s FOR UPDATE", [held.channel])
        return transaction

    transaction = await database_sync_to_async(hang)()
    try:
        await asyncio.wait_for(beat(), 10)
        assert await leases() == {held.channel: [("a", True)], free.channel: [("a", False)]}
    finally:
        await database_sync_to_async(transaction.close)()
    await beat()
    assert await leases() == {held.channel: [("a", False)], free.channel: [("a", False)]}
    for client in (held, free):
        assert await client.open_and_quiet()
        await client.disconnect()


@both
async def test_interleaving_a_room_joined_during_a_comparison_is_not_missing(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a")
    async with HeldUpComparison(monkeypatch):
        await client("join_room", "b")
    assert await client.open_and_quiet()
    assert len(await present()) == 2
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave a", "leave b"]


@both
async def test_interleaving_a_room_left_before_the_answer_is_not_missing(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a", "b")
    async with HeldUpComparison(monkeypatch, before=True):
        await client("leave_room", "b")
    assert await client.open_and_quiet()
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave b", "leave a"]


@both
async def test_interleaving_a_join_in_progress_at_two_beats_is_not_a_ghost(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database has the stay, and the consumer does not know that yet."""
    client = await client_of(chat, "a")
    recorded, gate = threading.Event(), threading.Event()
    module = async_connection if chat is AsyncChat else sync_connection

    async def ajoin(*args: Any, **kwargs: Any) -> Any:
        joined = await joins.ajoin(*args, **kwargs)
        recorded.set()
        await until(gate.is_set)
        return joined

    def join(*args: Any, **kwargs: Any) -> Any:
        joined = joins.join(*args, **kwargs)
        recorded.set()
        gate.wait(30)
        return joined

    monkeypatch.setattr(module, *(("ajoin", ajoin) if chat is AsyncChat else ("join", join)))
    # The thread of the synchronous consumer is that of the tests' own queries.
    monkeypatch.setattr(heartbeat, "in_thread", in_own_thread)
    joining = asyncio.create_task(client("join_room", "b"))
    await until(recorded.is_set)
    here = live_loop.current().database("default").heartbeat
    for _ in range(3):
        await here.compare()
    gate.set()
    await joining
    await until(lambda: not live_loop.current().tasks)
    assert len(await present()) == 2
    await client.disconnect()
