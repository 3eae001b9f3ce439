"""Heartbeats without the client, and what they find out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError, connections

from presence_events.concurrency import in_thread
from presence_events.models import PresenceEvent
from projections._delivery import groups
from projections._live import heartbeat
from projections._live.heartbeat import Heart
from projections.consumers import EVICTED
from projections.managers import RoomManager
from projections.models import Presence, Room
from tests.projections.live.mixed import (
    CHATS,
    SELF_RELIANT,
    AsyncChat,
    AsyncSelfReliant,
    Client,
    SyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    present,
)
from tests.time import age_presences
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)
both_self_reliant = pytest.mark.parametrize("chat", SELF_RELIANT)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The selections that heartbeats recorded."""
    selections: list[Any] = []
    real = heartbeat.arecord_quietly

    async def listed(selection: Any) -> Any:
        selections.append(selection)
        return await real(selection)

    monkeypatch.setattr(heartbeat, "arecord_quietly", listed)
    return selections


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets the process be away for so many seconds: only the wall clock goes on."""
    real = time.time

    def go_on(seconds: float) -> None:
        monkeypatch.setattr("projections._live.stopwatch.time.time", lambda: real() + seconds)

    return go_on


@pytest.fixture
def fast(settings: Any) -> Iterator[None]:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.3
    return


async def looked_into() -> None:
    """Returns when it is clear what becomes of those of whose prune this process has heard."""
    await asyncio.sleep(0)
    await until(lambda: not heartbeat.of_running_loop()._tasks)


async def test_a_beat_touches_all_who_are_in_a_room_in_one_statement(recorded: list[Any]) -> None:
    clients = [
        await client_of(AsyncChat, "a", "b"),
        await client_of(SyncChat, "a"),
        await client_of(AsyncSelfReliant, "a"),
        await client_of(AsyncChat),
    ]
    gone = await client_of(AsyncChat, "c")
    await gone("leave_room", "c")
    await beat()
    assert len(recorded) == 1
    touched = PresenceEvent.objects.filter(kind="touch").values_list("room", "channel_name")
    assert sorted([touch async for touch in touched]) == sorted(
        [("a", clients[0].channel), ("b", clients[0].channel), ("a", clients[1].channel)]
    )
    for client in [*clients, gone]:
        await client.disconnect()


async def test_a_beat_without_anybody_in_a_room_asks_for_nothing(recorded: list[Any]) -> None:
    client = await client_of(AsyncChat, "a")
    await client("leave_room", "a")
    await beat()
    assert recorded == []
    await client.disconnect()


@both
@pytest.mark.usefixtures("fast")
async def test_the_heart_beats_by_itself_while_there_is_a_connection_and_no_longer(
    chat: Any, recorded: list[Any]
) -> None:
    heart = heartbeat.of_running_loop()
    client = await client_of(chat)
    assert heart._timer is None
    await client("join_room", "a")
    await until(lambda: len(recorded) >= 2)
    await client.disconnect()
    await until(lambda: heart._timer is None and heart._beating is None)
    assert not heart._connections


@pytest.mark.usefixtures("fast")
async def test_the_heart_starts_again_with_the_next_connection(recorded: list[Any]) -> None:
    for _ in range(2):
        client = await client_of(AsyncChat, "a")
        recorded.clear()
        await until(lambda: recorded)
        await client.disconnect()


async def test_the_interval_follows_the_setting(settings: Any) -> None:
    client = await client_of(AsyncChat, "a")
    timer = heartbeat.of_running_loop()._timer
    assert timer is not None
    assert 10 < timer.when() - asyncio.get_running_loop().time() <= 20
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_a_beat_that_fails_is_logged_and_the_next_one_tries_again(
    recorded: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    working = heartbeat.arecord_quietly

    async def failing(selection: Any) -> Any:
        raise DatabaseError("the database is away")

    client = await client_of(AsyncChat, "a")
    with monkeypatch.context() as patched:
        patched.setattr(heartbeat, "arecord_quietly", failing)
        await until(lambda: caplog.text.count("The heartbeat of 1 connections failed") >= 2)
    assert heartbeat.arecord_quietly is working
    assert "the database is away" in caplog.text
    recorded.clear()
    await until(lambda: recorded)
    await client.disconnect()


@pytest.mark.usefixtures("fast")
async def test_beats_do_not_run_in_the_context_of_who_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    request: ContextVar[str] = ContextVar("request", default="nobody's")
    seen: list[str] = []
    real = Heart.touch_everyone

    async def touch_everyone(heart: Heart) -> Any:
        seen.append(request.get())
        return await real(heart)

    class First(AsyncChat):
        async def join_room(self, *args: Any) -> None:
            request.set("the first one's")
            await super().join_room(*args)

    monkeypatch.setattr(Heart, "touch_everyone", touch_everyone)
    client = await client_of(First, "a")
    await until(lambda: len(seen) >= 2)
    assert set(seen) == {"nobody's"}
    await client.disconnect()


def test_a_loop_that_ends_in_the_middle_of_everything_ends_quietly(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The timer is running and a beat is under way when the tasks of the loop are cancelled."""
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.3
    begun: list[bool] = []

    async def main() -> None:
        client = await client_of(AsyncChat, "a")

        async def endless() -> None:
            begun.append(True)
            await asyncio.Event().wait()

        heartbeat.of_running_loop().touch_everyone = endless  # type: ignore[method-assign]
        await until(lambda: begun)
        assert client.channel

    asyncio.run(main())
    assert caplog.records == []
    assert [event.kind for event in PresenceEvent.objects.all()] == ["join", "leave"]


@both
async def test_who_was_pruned_on_purpose_elsewhere_is_evicted_with_the_next_beat(chat: Any) -> None:
    """One room of two is enough."""
    client = await client_of(chat, "a", "b")
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await client.closed_with() == EVICTED
    await beat()
    await client.disconnect()
    assert await happened() == ["join a", "join b", "prune a", "leave b"]
    assert await PresenceEvent.objects.filter(kind="touch").acount() == 1


@both
async def test_who_was_pruned_while_the_process_was_away_rejoins_with_the_next_beat(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user)
    await client("touch_presence", "busy")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await end_elsewhere("prune", "b", client)
    await beat()
    assert await present() == [("a", client.channel), ("b", client.channel)]
    stays = [(stay.user_id, stay.data) async for stay in Presence.objects.all()]
    assert stays == [(user.pk, "busy"), (user.pk, "busy")]
    assert await client.open_and_quiet()
    await client.disconnect()


@both
async def test_who_was_pruned_although_its_process_had_vouched_for_it_is_evicted_however_old(chat: Any) -> None:
    """The database alone has it that nobody was seen: its clock was set, or a test lets presences age."""
    for vouch in (None, beat, "touch_presence"):
        client = await client_of(chat, "a")
        if vouch is not None:
            await fall_silent(client)
            await (client(vouch) if isinstance(vouch, str) else vouch())
        await database_sync_to_async(age_presences)(client.channel, seconds=61)
        await end_elsewhere("prune", "a", client)
        await beat()
        assert await client.closed_with() == EVICTED
        await client.disconnect()


@both
async def test_a_room_that_was_not_touched_is_not_vouched_for_by_another(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await beat()
    assert len(await present()) == 2
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    assert await client("touch_presence") == 2
    assert len(await present()) == 2
    await client.disconnect()


@both
async def test_a_prune_by_a_process_that_was_away_itself_heals_at_once(chat: Any) -> None:
    client = await client_of(chat, "a")
    await fall_silent(client)
    await Room.objects.aprune_presences()
    await looked_into()
    assert await happened() == ["join a", "prune a", "join a"]
    assert await client.open_and_quiet()
    await client.disconnect()


@both
async def test_who_was_made_to_leave_stays_out_and_is_not_closed(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere("leave", "a", client)
    await beat()
    await beat()
    assert await present() == [("b", client.channel)]
    assert await client.open_and_quiet()
    await client("join_room", "a")
    await beat()
    assert len(await present()) == 2
    await client.disconnect()


async def test_the_connections_of_a_deleted_user_are_not_brought_back(user: Any) -> None:
    client = await client_of(AsyncChat, "a", user=user)
    await database_sync_to_async(user.delete)()
    await beat()
    assert await present() == []
    assert await client.open_and_quiet()
    await client.disconnect()


@both_self_reliant
async def test_who_has_to_speak_and_is_silent_is_evicted_with_the_next_beat(chat: Any, recorded: list[Any]) -> None:
    client = await client_of(chat, "a")
    await beat()
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await client.closed_with() == EVICTED
    assert recorded == []
    await client.disconnect()
    assert await happened() == ["join a", "prune a"]


@both_self_reliant
async def test_who_has_to_speak_gets_another_period_if_the_process_was_away(
    chat: Any, later: Callable[[float], None]
) -> None:
    client = await client_of(chat, "a")
    await fall_silent(client, 100)
    later(100)
    await Room.objects.aprune_presences()
    await looked_into()
    assert await client.open_and_quiet()
    await beat()
    assert await client.open_and_quiet()
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


@both_self_reliant
async def test_who_has_to_speak_and_speaks_before_it_is_evicted_rejoins(chat: Any) -> None:
    client = await client_of(chat, "a", "b", "c")
    await fall_silent(client)
    for kind, room in (("prune", "a"), ("leave", "b")):
        await end_elsewhere(kind, room, client)
    assert await client("touch_presence") == 2
    await beat()
    assert await present() == [("a", client.channel), ("c", client.channel)]
    assert await client.open_and_quiet()
    await client.disconnect()


async def test_a_rejoin_that_fails_is_logged_and_made_good_by_the_next_beat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*args: Any) -> None:
        raise DatabaseError("the database is away")

    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    with monkeypatch.context() as patched:
        patched.setattr(RoomManager, "aadd", failing)
        await beat()
    assert "1 connections could not rejoin their rooms" in caplog.text
    assert "the database is away" in caplog.text
    assert await present() == []
    await beat()
    assert await present() == [("a", client.channel)]
    await client.disconnect()


async def test_what_cannot_be_looked_into_is_logged_and_left_to_the_next_beat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*args: Any) -> None:
        raise DatabaseError("the database is away")

    client = await client_of(AsyncChat, "a")
    with monkeypatch.context() as patched:
        patched.setattr(heartbeat, "endings", failing)
        await Room.objects.aprune_presences(0)
        await until(lambda: "Could not look into what was pruned" in caplog.text)
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


def test_a_prune_of_who_was_in_a_loop_that_is_closed_is_nobodys_business() -> None:
    clients: list[Client] = []

    async def main() -> None:
        clients.append(await client_of(AsyncChat, "a"))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(main())
    connection = clients[0].consumer._presence
    loop.run_until_complete(clients[0].disconnect())
    loop.close()
    heartbeat._by_channel_name[clients[0].channel] = connection
    Room.objects.add("a", clients[0].channel)
    assert Room.objects.prune_presences(0) == 1


# What happens while a beat is under way. The beat is held up where it has its answer and has not looked at it yet.


class HeldUpBeat:
    """``async with HeldUpBeat(...):`` the body runs when the beat has touched, and the beat goes on after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, before: bool = False) -> None:
        real = heartbeat.arecord_quietly
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

        async def held_up(selection: Any) -> Any:
            events = [] if before else await real(selection)
            self.reached.set()
            await self.gate.wait()
            return await real(selection) if before else events

        monkeypatch.setattr(heartbeat, "arecord_quietly", held_up)

    async def __aenter__(self) -> None:
        self.task = asyncio.create_task(beat())
        await self.reached.wait()

    async def __aexit__(self, *error: object) -> None:
        self.gate.set()
        await self.task


async def test_interleaving_a_presence_that_somebody_else_holds_does_not_hold_up_the_others() -> None:
    """A transaction that hangs has touched one of two connections. The beat touches the other, and evicts nobody."""
    held, free = await client_of(AsyncChat, "a"), await client_of(AsyncChat, "a")

    def hang() -> Any:
        transaction = connections["default"].copy()
        transaction.set_autocommit(False)
        with transaction.cursor() as cursor:
            cursor.execute("SELECT FROM presence WHERE channel_name = %s FOR UPDATE", [held.channel])
        return transaction

    transaction = await database_sync_to_async(hang)()
    try:
        await asyncio.wait_for(beat(), 10)
        touched = PresenceEvent.objects.filter(kind="touch").values_list("channel_name", flat=True)
        assert [channel async for channel in touched] == [free.channel]
    finally:
        await database_sync_to_async(transaction.close)()
    for client in (held, free):
        assert await client.open_and_quiet()
        await client.disconnect()


@both
async def test_interleaving_a_room_joined_after_the_touch_is_not_missing(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a")
    async with HeldUpBeat(monkeypatch):
        await client("join_room", "b")
    assert await client.open_and_quiet()
    assert len(await present()) == 2
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave a", "leave b"]


@both
async def test_interleaving_a_room_left_before_the_touch_is_not_missed(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a", "b")
    async with HeldUpBeat(monkeypatch, before=True):
        await client("leave_room", "b")
    assert await client.open_and_quiet()
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave b", "leave a"]


@both
async def test_interleaving_a_room_pruned_and_joined_again_while_the_beat_looks_is_a_new_stay(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The beat misses a stay; before it has judged, the consumer has joined again: that stay is not the missing one."""
    client = await client_of(chat, "a")
    await end_elsewhere("prune", "a", client)
    found, gate = asyncio.Event(), asyncio.Event()

    async def held_up(function: Any) -> Any:
        answer = await in_thread(function)
        found.set()
        await gate.wait()
        return answer

    monkeypatch.setattr(heartbeat, "in_thread", held_up)
    looking = asyncio.create_task(beat())
    await found.wait()
    await client("join_room", "a")
    gate.set()
    await looking
    assert await client.open_and_quiet()
    assert await present() == [("a", client.channel)]
    await client.disconnect()


class HeldUpRejoin:
    """The next rejoin by a beat stops before it is recorded, until the gate is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = RoomManager.aadd
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

        async def held_up(*args: Any) -> Any:
            self.reached.set()
            await self.gate.wait()
            return await real(*args)

        monkeypatch.setattr(RoomManager, "aadd", held_up)


async def test_interleaving_a_rejoin_and_the_end_of_the_consumer_leave_no_ghost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rejoin is under way when the client disconnects: the leave waits for it."""
    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    rejoin = HeldUpRejoin(monkeypatch)
    beating = asyncio.create_task(beat())
    await rejoin.reached.wait()
    leaving = asyncio.create_task(client.disconnect())
    await until(lambda: client.consumer._presence.ended)
    rejoin.gate.set()
    await asyncio.gather(beating, leaving)
    assert await happened() == ["join a", "prune a", "join a", "leave a"]
    assert await present() == []


@both
async def test_interleaving_a_rejoin_that_comes_after_the_end_records_nothing(chat: Any) -> None:
    client = await client_of(chat, "a")
    connection = client.consumer._presence
    stays = connection.stays()
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    await client.disconnect()
    assert await connection.mend(stays) == 0
    assert await happened() == ["join a", "prune a"]


async def test_interleaving_a_rejoin_and_a_leave_by_the_consumer_end_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rejoin is under way when the consumer leaves that room: it stays out."""
    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    rejoin = HeldUpRejoin(monkeypatch)
    beating = asyncio.create_task(beat())
    await rejoin.reached.wait()
    await client.say("leave_room", "a")
    await until(lambda: client.consumer._presence._turn._waiters)
    rejoin.gate.set()
    await beating
    assert await client.communicator.receive_json_from() is None
    assert await present() == []
    await client.disconnect()


@both
async def test_interleaving_two_who_heal_the_same_connection_heal_it_once(chat: Any) -> None:
    """A message and a beat have found out at the same time."""
    client = await client_of(chat, "a", "b")
    await fall_silent(client)
    for room in ("a", "b"):
        await end_elsewhere("prune", room, client)
    connection = client.consumer._presence
    stays = connection.stays()
    assert sorted(await asyncio.gather(connection.mend(stays), connection.mend(stays))) == [0, 2]
    assert await happened() == ["join a", "join b", "prune a", "prune b", "join a", "join b"]
    await client.disconnect()


async def test_interleaving_a_connection_that_ended_before_its_entry_is_not_kept() -> None:
    """The first join of a synchronous consumer is made known from its thread: the consumer may end before."""
    client = await client_of(SyncChat, "a")
    await client.disconnect()
    heart = heartbeat.of_running_loop()
    heart.enter(client.consumer._presence)
    assert not heart._connections
    assert heart._timer is None


async def test_a_rejoin_that_does_not_return_stops_no_heartbeat(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    looking = asyncio.Event()
    beats: list[bool] = []
    real = Heart.touch_everyone

    async def touch_everyone(heart: Heart) -> Any:
        beats.append(looking.is_set())
        return await real(heart)

    async def hang(heart: Heart, *missing: Any) -> None:
        looking.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Heart, "touch_everyone", touch_everyone)
    monkeypatch.setattr(Heart, "look_into_missing", hang)
    client = await client_of(AsyncChat, "a")
    await until(lambda: beats.count(True) >= 3)
    await client.disconnect()


async def test_after_a_beat_that_failed_the_next_comes_soon(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    beats: list[float] = []

    async def fail(heart: Heart) -> Any:
        beats.append(time.monotonic())
        settings.CHANNELS_PRESENCE_MAX_AGE = 3600
        raise DatabaseError("away")

    monkeypatch.setattr(Heart, "touch_everyone", fail)
    client = await client_of(AsyncChat, "a")
    await until(lambda: len(beats) >= 2)
    assert beats[1] - beats[0] < 60
    await client.disconnect()


async def test_what_the_consumer_did_not_join_is_not_vouched_for() -> None:
    client = await client_of(AsyncChat, "a")
    await Room.objects.aadd("b", client.channel)
    await beat()
    assert [event.room async for event in PresenceEvent.objects.filter(kind="touch")] == ["a"]
    await client.disconnect()


def in_group(client: Client, room: str) -> bool:
    return client.channel in get_channel_layer().groups.get(room, {})


@both
async def test_a_layer_that_has_forgotten_its_groups_is_told_again(chat: Any) -> None:
    clients = [await client_of(chat, "a") for _ in range(3)]
    get_channel_layer().groups.clear()
    heart = heartbeat.of_running_loop()
    for _ in range(heartbeat.REGROUP):
        await heart.renew_groups()
    assert all(in_group(client, "a") for client in clients)
    for client in clients:
        await client.disconnect()
    assert not any(in_group(client, "a") for client in clients)


@pytest.mark.usefixtures("fast")
async def test_that_happens_with_the_heartbeat() -> None:
    client = await client_of(AsyncChat, "a")
    get_channel_layer().groups.clear()
    await until(lambda: in_group(client, "a"))
    await client.disconnect()


@both
async def test_interleaving_who_leaves_while_groups_are_renewed_is_in_none(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a", "b")
    real = groups.correct

    async def late(pairs: Any, *, present: bool) -> None:
        if present:
            await client("leave_room", "a")
        await real(pairs, present=present)

    monkeypatch.setattr(groups, "correct", late)
    heart = heartbeat.of_running_loop()
    for _ in range(heartbeat.REGROUP):
        await heart.renew_groups()
    assert (in_group(client, "a"), in_group(client, "b")) == (False, True)
    await client.disconnect()


@both
async def test_interleaving_who_joins_again_while_being_discarded_is_in_the_group(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a")
    real = groups.correct

    async def slow(pairs: Any, *, present: bool) -> None:
        if present:
            await real(pairs, present=True)
            await client("leave_room", "a")
            monkeypatch.setattr(groups, "correct", late)

    async def late(pairs: Any, *, present: bool) -> None:
        if not present:
            await client("join_room", "a")
            monkeypatch.setattr(groups, "correct", real)
        await real(pairs, present=present)

    monkeypatch.setattr(groups, "correct", slow)
    await renew_all()
    assert in_group(client, "a")
    await client.disconnect()


@pytest.mark.parametrize("kind", ["leave", "prune"])
async def test_interleaving_who_is_made_to_leave_while_groups_are_renewed_is_in_none(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(AsyncChat, "a")
    real = groups.correct

    async def late(pairs: Any, *, present: bool) -> None:
        if present:
            await end_elsewhere(kind, "a", client)
            await groups.discard("a", client.channel)
        await real(pairs, present=present)

    monkeypatch.setattr(groups, "correct", late)
    await renew_all()
    assert not in_group(client, "a")
    await client.disconnect()


async def test_what_is_owed_is_not_forgotten_if_the_database_is_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_of(AsyncChat, "a")
    groups.owe([("b", client.channel)])

    def away(*args: Any) -> Any:
        raise DatabaseError("away")

    with monkeypatch.context() as patch:
        patch.setattr(heartbeat, "absent", away)
        with pytest.raises(DatabaseError):
            await heartbeat.of_running_loop().renew_groups()
    assert ("b", client.channel) in groups.owed()
    await client.disconnect()


async def renew_all() -> None:
    for _ in range(heartbeat.REGROUP):
        await heartbeat.of_running_loop().renew_groups()


async def test_who_could_not_be_discarded_is_discarded_with_a_later_beat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_of(AsyncChat, "a", "b")
    layer = get_channel_layer()

    async def fail(group: str, channel: str) -> None:
        raise ConnectionError("away")

    with monkeypatch.context() as patch, caplog.at_level("CRITICAL"):
        patch.setattr(layer, "group_discard", fail)
        await client("leave_room", "a")
    assert in_group(client, "a")
    await heartbeat.of_running_loop().renew_groups()
    assert (in_group(client, "a"), in_group(client, "b")) == (False, True)
    await client.disconnect()


async def test_a_look_that_fails_is_logged_and_made_again(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = 0.6
    looks: list[bool] = []

    async def fail(heart: Heart, *missing: Any) -> None:
        looks.append(True)
        raise DatabaseError("away")

    monkeypatch.setattr(Heart, "look_into_missing", fail)
    client = await client_of(AsyncChat, "a")
    await until(lambda: len(looks) >= 2)
    await client.disconnect()
    assert any("Could not look into who is missing" in record.getMessage() for record in caplog.records)
