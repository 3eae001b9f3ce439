"""Reviews of missing stays: evictions, rejoins and leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import DatabaseError

from presence_events.concurrency import in_thread
from presence_events.models import PresenceEvent
from projections._live import async_connection, live_loop, missing_stays
from projections.consumers import EVICTED
from projections.models import Presence, Room
from tests.projections.live.mixed import (
    CHATS,
    SELF_RELIANT,
    AsyncChat,
    beat,
    client_of,
    end_elsewhere,
    fall_silent,
    happened,
    in_group,
    present,
    reviews_done,
)
from tests.time import age_presences
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)
both_self_reliant = pytest.mark.parametrize("chat", SELF_RELIANT)


@both
async def test_a_connection_pruned_on_purpose_elsewhere_is_evicted_with_the_next_heartbeat(chat: Any) -> None:
    """A prune from one of two rooms is enough."""
    client = await client_of(chat, "a", "b")
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await client.closed_with() == EVICTED
    await beat()
    await client.disconnect()
    assert await happened() == ["join a", "join b", "prune a", "leave b"]
    assert await PresenceEvent.objects.of_rooms().filter(kind="touch").acount() == 0


@both
async def test_a_connection_pruned_because_the_clock_of_the_database_was_set_forward_rejoins(chat: Any) -> None:
    """Only the database has expired presences. The process has vouched for the connection in time."""
    for vouch in (None, beat, "touch_presence"):
        client = await client_of(chat, "a")
        if vouch is not None:
            await fall_silent(client)
            await (client(vouch) if isinstance(vouch, str) else vouch())
        await database_sync_to_async(age_presences)(client.channel, seconds=61)
        await end_elsewhere("prune", "a", client)
        await beat()
        assert await present() == [("a", client.channel)]
        assert await client.open_and_quiet()
        await client.disconnect()


@both_self_reliant
async def test_a_connection_without_heartbeat_rejoins_if_the_clock_of_the_database_was_set_forward(chat: Any) -> None:
    client = await client_of(chat, "a")
    await client("touch_presence")
    await database_sync_to_async(age_presences)(client.channel, seconds=61)
    await end_elsewhere("prune", "a", client)
    await beat()
    assert await present() == [("a", client.channel)]
    assert await client.open_and_quiet()
    await client.disconnect()


@both
async def test_a_connection_pruned_during_a_stall_rejoins_with_the_next_heartbeat(chat: Any, user: Any) -> None:
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
async def test_a_touch_of_one_room_does_not_vouch_for_another(chat: Any) -> None:
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
async def test_a_prune_by_the_process_that_stalled_is_healed_at_once(chat: Any) -> None:
    client = await client_of(chat, "a")
    await fall_silent(client)
    await Room.objects.aprune_presences()
    await reviews_done()
    assert await happened() == ["join a", "prune a", "join a"]
    assert await client.open_and_quiet()
    await client.disconnect()


@both
async def test_a_connection_made_to_leave_stays_out_and_is_not_closed(chat: Any) -> None:
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


@both
async def test_a_connection_that_another_process_made_to_leave_is_discarded_from_the_group_of_this_one(
    chat: Any,
) -> None:
    """The in-memory layer and ``channels_redis.pubsub`` ignore the discard of another process."""
    client = await client_of(chat, "a", "b")
    await end_elsewhere("leave", "a", client)
    assert in_group(client, "a")
    await beat()
    await live_loop.current().database("default").regrouper.renew()
    assert not in_group(client, "a")
    assert in_group(client, "b")
    await client.disconnect()


@both
async def test_a_connection_that_is_back_when_the_heartbeat_finds_its_leave_stays_in_the_group(chat: Any) -> None:
    client = await client_of(chat, "a")
    await end_elsewhere("leave", "a", client)
    await client("touch_presence")
    await client("join_room", "a")
    await beat()
    await live_loop.current().database("default").regrouper.renew()
    assert in_group(client, "a")
    await client.disconnect()
    assert not in_group(client, "a")


@both
@pytest.mark.parametrize("kind", ["leave", "prune"])
async def test_a_connection_that_ends_after_another_process_ended_its_stay_is_in_no_group(chat: Any, kind: str) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere(kind, "a", client)
    await client.disconnect()
    assert not in_group(client, "a")
    assert not in_group(client, "b")


async def test_the_connections_of_a_deleted_user_do_not_rejoin(user: Any) -> None:
    client = await client_of(AsyncChat, "a", user=user)
    await database_sync_to_async(user.delete)()
    await beat()
    assert await present() == []
    assert await client.open_and_quiet()
    await client.disconnect()


@both_self_reliant
async def test_a_silent_connection_without_heartbeat_is_evicted_with_the_next_review(
    chat: Any, recorded: list[Any]
) -> None:
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
async def test_a_connection_without_heartbeat_gets_another_period_if_the_process_stalled(
    chat: Any, stalled: Callable[[float], None]
) -> None:
    client = await client_of(chat, "a")
    await fall_silent(client, 100)
    stalled(100)
    await Room.objects.aprune_presences()
    await reviews_done()
    assert await client.open_and_quiet()
    await beat()
    assert await client.open_and_quiet()
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


@both_self_reliant
async def test_a_connection_without_heartbeat_rejoins_with_a_message_before_its_eviction(chat: Any) -> None:
    client = await client_of(chat, "a", "b", "c")
    await fall_silent(client)
    for kind, room in (("prune", "a"), ("leave", "b")):
        await end_elsewhere(kind, room, client)
    assert await client("touch_presence") == 2
    await beat()
    assert await present() == [("a", client.channel), ("c", client.channel)]
    assert await client.open_and_quiet()
    await client.disconnect()


async def test_a_rejoin_that_fails_is_logged_and_retried_by_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def failing(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("the database is unavailable")

    client = await client_of(AsyncChat, "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    with monkeypatch.context() as patched:
        patched.setattr(async_connection, "ajoin", failing)
        await beat()
    assert "1 connections could not rejoin their rooms" in caplog.text
    assert "the database is unavailable" in caplog.text
    assert await present() == []
    await beat()
    assert await present() == [("a", client.channel)]
    await client.disconnect()


async def test_a_scheduled_review_that_fails_is_logged_and_left_to_the_next_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*args: Any) -> None:
        raise DatabaseError("the database is unavailable")

    client = await client_of(AsyncChat, "a")
    with monkeypatch.context() as patched:
        patched.setattr(missing_stays, "find_endings", failing)
        await Room.objects.aprune_presences(0)
        await until(lambda: "Could not review pruned connections" in caplog.text)
    await beat()
    assert await client.closed_with() == EVICTED
    await client.disconnect()


@both
async def test_interleaving_a_room_pruned_and_joined_again_during_a_review_is_a_new_stay(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stay is missing. The consumer joins again before the verdict, which must not apply to the new stay."""
    client = await client_of(chat, "a")
    await end_elsewhere("prune", "a", client)
    found, gate = asyncio.Event(), asyncio.Event()

    async def held_up(function: Any) -> Any:
        answer = await in_thread(function)
        found.set()
        await gate.wait()
        return answer

    monkeypatch.setattr(missing_stays, "in_thread", held_up)
    looking = asyncio.create_task(beat())
    await found.wait()
    await client("join_room", "a")
    gate.set()
    await looking
    assert await client.open_and_quiet()
    assert await present() == [("a", client.channel)]
    await client.disconnect()


async def test_all_connections_that_a_coroutine_prunes_share_one_review(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    real = missing_stays.find_endings

    def counted(stays: Any, *args: Any) -> Any:
        looked.append(sorted(stays))
        return real(stays, *args)

    monkeypatch.setattr(missing_stays, "find_endings", counted)
    clients = [await client_of(chat, "a", "b") for chat in CHATS]
    await Room.objects.aprune_presences(0)
    for client in clients:
        assert await client.closed_with() == EVICTED
        await client.disconnect()
    assert looked == [sorted((room, client.channel) for client in clients for room in ("a", "b"))]


async def test_an_eviction_while_the_client_disconnects_is_no_error() -> None:
    client = await client_of(AsyncChat, "a")
    connection = client.consumer._presence
    await Room.objects.aprune_presences(0)
    await client.disconnect()
    here = live_loop.current()
    here.schedule_review(connection)
    await until(lambda: not here.tasks)
    assert await happened() == ["join a", "prune a"]
