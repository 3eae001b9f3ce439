"""Renewal of groups that a channel layer has lost."""

from __future__ import annotations

from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import DatabaseError

from projections._delivery import groups
from projections._live import live_loop, regroup
from projections._live.regroup import HEARTBEATS_PER_RENEWAL
from tests.projections.live.mixed import CHATS, AsyncChat, client_of, end_elsewhere, in_group

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


async def renew_all() -> None:
    for _ in range(HEARTBEATS_PER_RENEWAL):
        await live_loop.current().database("default").regrouper.renew()


@both
async def test_a_layer_that_has_lost_its_groups_gets_them_again(chat: Any) -> None:
    clients = [await client_of(chat, "a") for _ in range(3)]
    get_channel_layer().groups.clear()
    await renew_all()
    assert all(in_group(client, "a") for client in clients)
    for client in clients:
        await client.disconnect()
    assert not any(in_group(client, "a") for client in clients)


async def test_a_failed_discard_is_retried_with_a_later_heartbeat(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_of(AsyncChat, "a", "b")
    layer = get_channel_layer()

    async def fail(group: str, channel: str) -> None:
        raise ConnectionError("unavailable")

    with monkeypatch.context() as patch, caplog.at_level("CRITICAL"):
        patch.setattr(layer, "group_discard", fail)
        await client("leave_room", "a")
    assert in_group(client, "a")
    await live_loop.current().database("default").regrouper.renew()
    assert (in_group(client, "a"), in_group(client, "b")) == (False, True)
    await client.disconnect()


async def test_pending_discards_are_kept_if_the_database_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await client_of(AsyncChat, "a")
    groups.remember_pending_discards([("b", client.channel)], "default")

    def fail(*args: Any) -> Any:
        raise DatabaseError("unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(regroup, "absent", fail)
        with pytest.raises(DatabaseError):
            await live_loop.current().database("default").regrouper.renew()
    assert ("b", client.channel) in groups.take_pending_discards("default")
    await client.disconnect()


@both
async def test_interleaving_a_connection_that_leaves_during_a_renewal_is_not_in_the_group(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a", "b")
    real = groups.reconcile

    async def late(pairs: Any, using: str, *, present: bool) -> None:
        if present:
            await client("leave_room", "a")
        await real(pairs, using, present=present)

    monkeypatch.setattr(groups, "reconcile", late)
    await renew_all()
    assert (in_group(client, "a"), in_group(client, "b")) == (False, True)
    await client.disconnect()


@pytest.mark.parametrize("kind", ["leave", "prune"])
async def test_interleaving_a_connection_made_to_leave_during_a_renewal_is_not_in_the_group(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(AsyncChat, "a")
    real = groups.reconcile

    async def late(pairs: Any, using: str, *, present: bool) -> None:
        if present:
            await end_elsewhere(kind, "a", client)
            await groups.discard("a", client.channel, "default")
        await real(pairs, using, present=present)

    monkeypatch.setattr(groups, "reconcile", late)
    await renew_all()
    assert not in_group(client, "a")
    await client.disconnect()


@both
async def test_interleaving_a_connection_that_rejoins_during_its_discard_is_in_the_group(
    chat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await client_of(chat, "a")
    real = groups.reconcile

    async def slow(pairs: Any, using: str, *, present: bool) -> None:
        if present:
            await real(pairs, using, present=True)
            await client("leave_room", "a")
            monkeypatch.setattr(groups, "reconcile", late)

    async def late(pairs: Any, using: str, *, present: bool) -> None:
        if not present:
            await client("join_room", "a")
            monkeypatch.setattr(groups, "reconcile", real)
        await real(pairs, using, present=present)

    monkeypatch.setattr(groups, "reconcile", slow)
    await renew_all()
    assert in_group(client, "a")
    await client.disconnect()
