"""A connection is in groups of the channel layer of its consumer, and of no other."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.exceptions import InvalidChannelLayerError
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer

from presence_events.recorder import Draft, record
from projections._delivery import layers
from projections._live import live_loop
from projections._live.regroup import HEARTBEATS_PER_RENEWAL
from projections.models import Presence, Room
from tests.projections.live.mixed import CHATS, Client, beat, client_of, end_elsewhere, fall_silent

pytestmark = pytest.mark.django_db(transaction=True)

both = pytest.mark.parametrize("chat", CHATS)


class UnavailableLayer(InMemoryChannelLayer):
    """It cannot discard."""

    async def group_discard(self, group: str, channel: str) -> None:
        raise ConnectionError("unavailable")


@pytest.fixture(autouse=True)
def _two_layers(settings: Any) -> None:
    in_memory = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
    settings.CHANNEL_LAYERS = {"default": in_memory, "chat": in_memory}
    channel_layers.backends.clear()


def on_layer(chat: Any, alias: str) -> Any:
    return type(f"{chat.__name__}On{alias.title()}", (chat,), {"channel_layer_alias": alias})


def rooms_of(client: Client | str) -> dict[str, list[str]]:
    """Returns the groups of the connection, by layer."""
    channel = client if isinstance(client, str) else client.channel
    return {
        alias: sorted(room for room, members in get_channel_layer(alias).groups.items() if channel in members)
        for alias in ("default", "chat")
    }


async def test_a_join_on_a_layer_that_is_not_configured_is_refused() -> None:
    with pytest.raises(InvalidChannelLayerError, match=r"'chta' is not a layer .* Its layers: 'default', 'chat'"):
        await Room.objects.aadd("a", "channel", channel_layer_alias="chta")
    assert not await Room.objects.aexists()


@both
@pytest.mark.parametrize(("alias", "other"), [("chat", "default"), ("default", "chat")])
async def test_joins_and_leaves_change_the_groups_of_the_layer_of_the_consumer(
    chat: Any, alias: str, other: str
) -> None:
    client = await client_of(on_layer(chat, alias), "a", "b")
    assert rooms_of(client) == {alias: ["a", "b"], other: []}
    await client("leave_room", "a")
    assert rooms_of(client) == {alias: ["b"], other: []}
    await client.disconnect()
    assert rooms_of(client) == {alias: [], other: []}


@both
async def test_a_layer_that_has_lost_its_groups_gets_them_again(chat: Any) -> None:
    client = await client_of(on_layer(chat, "chat"), "a")
    get_channel_layer("chat").groups.clear()
    layers._remembered.discard(client.channel)
    for _ in range(HEARTBEATS_PER_RENEWAL):
        await live_loop.current().database("default").regrouper.renew()
    assert rooms_of(client) == {"default": [], "chat": ["a"]}
    await client.disconnect()


@both
async def test_a_connection_that_is_healed_is_in_the_group_of_its_layer(chat: Any) -> None:
    client = await client_of(on_layer(chat, "chat"), "a")
    await fall_silent(client)
    await end_elsewhere("prune", "a", client)
    get_channel_layer("chat").groups.clear()
    layers._remembered.discard(client.channel)
    await beat()
    assert rooms_of(client) == {"default": [], "chat": ["a"]}
    await client.disconnect()


async def test_another_process_discards_a_connection_from_the_layer_that_it_is_on() -> None:
    """Only the process of the connection knows its layer."""
    client = await client_of(on_layer(CHATS[0], "chat"), "a")
    layers._remembered.discard(client.channel)
    await sync_to_async(record)([Draft("leave", "a", client.channel)])
    assert rooms_of(client) == {"default": [], "chat": []}
    await client.disconnect()


def test_a_join_by_hand_is_on_the_default_layer_or_on_the_one_it_names() -> None:
    Room.objects.add("a", "one")
    Room.objects.add("a", "two", channel_layer_alias="chat")
    Room.objects.add("a", "two", channel_layer_alias="chat")
    assert (rooms_of("one"), rooms_of("two")) == ({"default": ["a"], "chat": []}, {"default": [], "chat": ["a"]})
    Presence.objects.leave_all("one")
    Room.objects.remove("a", "two")
    assert (rooms_of("one"), rooms_of("two")) == ({"default": [], "chat": []},) * 2


async def test_a_coroutine_may_name_the_layer() -> None:
    await Room.objects.aadd("a", "channel", channel_layer_alias="chat")
    assert rooms_of("channel") == {"default": [], "chat": ["a"]}


def test_a_layer_that_is_unavailable_does_not_keep_the_others_from_being_asked(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    broken = {"BACKEND": f"{__name__}.UnavailableLayer"}
    missing = {"BACKEND": "no.such.Layer"}
    settings.CHANNEL_LAYERS = {"first": broken, "second": missing, **settings.CHANNEL_LAYERS}
    Room.objects.add("a", "forgotten")
    with caplog.at_level(logging.ERROR):
        Presence.objects.leave_all("forgotten")
    assert rooms_of("forgotten") == {"default": [], "chat": []}
    assert len(caplog.records) == 1


def test_a_site_without_a_default_layer_uses_the_layers_that_it_names(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"chat": settings.CHANNEL_LAYERS["chat"]}
    Room.objects.add("a", "one")
    Room.objects.add("a", "two", channel_layer_alias="chat")
    assert list(get_channel_layer("chat").groups["a"]) == ["two"]
    Presence.objects.leave_all("one")
    Presence.objects.leave_all("two")
    assert "a" not in get_channel_layer("chat").groups


def test_nothing_is_remembered_on_a_site_with_one_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": settings.CHANNEL_LAYERS["default"]}
    Room.objects.add("a", "only-here", channel_layer_alias="default")
    assert layers._remembered.get("only-here") is None
