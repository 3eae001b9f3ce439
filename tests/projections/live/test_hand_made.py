"""Connections without a mixin: their next touch heals them after a prune."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import transaction

from projections._live import hand_made, joined
from projections._live.joined import JoinedStay
from projections.models import Presence, Room
from tests.projections.live.mixed import (
    AsyncHandMade,
    SyncHandMade,
    client_of,
    end_elsewhere,
    happened,
    in_group,
    present,
)

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", [AsyncHandMade, SyncHandMade])


@both
async def test_a_touch_heals_a_connection_that_was_pruned(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user, data="here")
    await Presence.objects.atouch(client.channel, "busy")
    await Room.objects.aprune_presences(0)
    assert not in_group(client, "a")
    await client("nothing")
    stays = [(stay.room_id, stay.user_id, stay.data) async for stay in Presence.objects.order_by("room")]
    assert stays == [("a", user.pk, "busy"), ("b", user.pk, "busy")]
    assert in_group(client, "a")
    await client.disconnect()
    assert await present() == []
    assert not in_group(client, "a")


@both
async def test_a_connection_that_is_healed_is_hidden_or_shown_as_before(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", user=user, data={"status": "here"})
    for hidden in (True, False):
        await Room.objects.aadd("a", client.channel, user, {"status": "again"}, hidden=hidden)
        await Presence.objects.atouch(client.channel, {"status": "busy"})
        await Room.objects.aprune_presences(0)
        await client("nothing")
        presence = await Presence.objects.aget()
        assert (presence.is_hidden, presence.data["status"]) == (hidden, "busy")
    await client.disconnect()


@both
async def test_a_prune_by_another_process_from_one_of_two_rooms_is_healed(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere("prune", "a", client)
    await client("nothing")
    assert await happened() == ["join a", "join b", "prune a", "join a"]
    await client("nothing")
    assert len(await happened()) == 4
    await client.disconnect()


@both
async def test_a_connection_that_was_made_to_leave_stays_out(chat: Any) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere("leave", "a", client)
    assert in_group(client, "a")
    await client("nothing")
    assert not in_group(client, "a")
    assert joined.stays(client.channel, "default")[0].room == "b"
    await client("leave_room", "b")
    await client("nothing")
    assert await present() == []
    await client.disconnect()
    assert await happened() == ["join a", "join b", "leave a", "leave b"]


@both
async def test_a_connection_that_was_replaced_stays_out(chat: Any, user: Any) -> None:
    client = await client_of(chat, "a", "b", user=user)
    await Room.objects.aadd("a", "newest", user, exclusive="newest")
    await client("nothing")
    assert [stay.room for stay in joined.stays(client.channel, "default")] == ["b"]
    assert await present() == [("a", "newest"), ("b", client.channel)]
    await client.disconnect()


@both
async def test_an_exclusive_stay_is_healed_unless_the_user_has_another_connection_now(chat: Any, user: Any) -> None:
    client = await client_of(chat, user=user)
    for room in ("a", "b"):
        await client("join_room", room, None, "newest")
    for room in ("a", "b"):
        await end_elsewhere("prune", room, client)
    await Room.objects.aadd("a", "other", user)
    await client("nothing")
    assert await present() == [("a", "other"), ("b", client.channel)]
    assert await Presence.objects.filter(exclusive_room="b").acount() == 1
    assert (in_group(client, "a"), in_group(client, "b")) == (False, True)
    assert [stay.room for stay in joined.stays(client.channel, "default")] == ["b"]
    await client("nothing")
    assert len(await happened()) == 6
    await client.disconnect()


@both
@pytest.mark.parametrize("kind", ["leave", "prune"])
async def test_a_connection_that_ends_after_another_process_ended_its_stay_is_in_no_group(chat: Any, kind: str) -> None:
    client = await client_of(chat, "a", "b")
    await end_elsewhere(kind, "a", client)
    await client.disconnect()
    assert not in_group(client, "a")
    assert not in_group(client, "b")


@both
async def test_a_connection_is_healed_with_its_channel_layer(chat: Any, settings: Any) -> None:
    settings.CHANNEL_LAYERS = {**settings.CHANNEL_LAYERS, "chat": settings.CHANNEL_LAYERS["default"]}

    class OnChat(chat):
        channel_layer_alias = "chat"

        if chat is AsyncHandMade:

            async def join_room(self, room: str, data: Any = None) -> None:
                await Room.objects.aadd(room, self.channel_name, channel_layer_alias="chat")
        else:

            def join_room(self, room: str, data: Any = None) -> None:
                Room.objects.add(room, self.channel_name, channel_layer_alias="chat")

    client = await client_of(OnChat, "a")
    await end_elsewhere("prune", "a", client)
    get_channel_layer("chat").groups.clear()
    await client("nothing")
    assert list(get_channel_layer("chat").groups["a"]) == [client.channel]
    assert "a" not in get_channel_layer().groups
    await client.disconnect()


async def test_a_second_join_keeps_the_data_as_the_log_does(user: Any, other_user: Any) -> None:
    for person, data, expected in ((user, 1, 1), (user, 2, 1), (other_user, 3, 3)):
        await Room.objects.aadd("a", "twice", person, data)
        assert [stay.data for stay in joined.stays("twice", "default")] == [expected]
        assert (await Presence.objects.aget()).data == expected
    await Presence.objects.aleave_all("twice")
    assert joined.databases("twice") == []


async def test_a_join_that_is_rolled_back_is_not_healed() -> None:
    @sync_to_async
    def roll_back() -> None:
        with transaction.atomic():
            Room.objects.add("a", "rolled-back")
            transaction.set_rollback(True)

    await roll_back()
    await hand_made.atouch("rolled-back")
    assert await present() == []


async def test_a_join_that_is_refused_is_not_healed() -> None:
    with pytest.raises(ValueError, match="room"):
        await Room.objects.aadd("no such name!", "refused")
    await hand_made.atouch("refused")
    assert await present() == []


async def test_interleaving_a_room_left_while_its_ending_is_looked_up_is_not_rejoined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = await client_of(AsyncHandMade, "a")
    await end_elsewhere("prune", "a", client)
    real = hand_made.find_endings

    def late(*args: Any) -> Any:
        endings = real(*args)
        joined.remove(client.channel, "default", "a")
        return endings

    monkeypatch.setattr(hand_made, "find_endings", late)
    await client("nothing")
    assert await present() == []
    await client.disconnect()


async def test_a_presence_that_another_transaction_has_locked_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The touch counts fewer presences than there are. The log says that the stay goes on."""
    client = await client_of(AsyncHandMade, "a")
    stays = joined.stays(client.channel, "default")
    endings = {("a", client.channel): hand_made.Ending("join", None)}
    assert hand_made._decide(client.channel, stays, endings) == ([], [])
    assert joined.stays(client.channel, "default") == stays
    await client.disconnect()


def test_a_process_without_an_event_loop_has_no_sockets() -> None:
    Room.objects.add("a", "command")
    assert joined.databases("command") == []
    Room.objects.remove("a", "command")


def test_what_is_not_known_is_ignored() -> None:
    joined.add("unknown", JoinedStay("default", "a", None, None, None))
    joined.remove("unknown", "default", "a")
    joined.remove_all("unknown", "default")
    assert joined.stays("unknown", "default") == []


def test_the_stays_of_one_database_are_removed_alone() -> None:
    joined.enter("two", "default")
    joined.enter("two", "other")
    joined.remove_all("two", "default")
    assert joined.databases("two") == ["other"]
    joined.remove_all("two", "other")
    assert joined.databases("two") == []
