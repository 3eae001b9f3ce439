"""Groups of which a worker makes sure, on behalf of processes that may have died."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.db import connection

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections._delivery import groups
from projections._delivery.dispatch import discard_the_gone
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


class Restarted(InMemoryChannelLayer):
    """A layer of which each connection is broken when it is used for the first time."""

    async def group_discard(self, group: str, channel: str) -> None:
        if channel not in self.broken:
            self.broken.append(channel)
            raise ConnectionError("reset by peer")
        await super().group_discard(group, channel)

    broken: list[str]


class Hanging(InMemoryChannelLayer):
    async def group_discard(self, group: str, channel: str) -> None:
        await asyncio.Event().wait()


class Overtaken(InMemoryChannelLayer):
    """A layer that discards a moment too late: the connection has come back, and its process has added it."""

    async def group_discard(self, group: str, channel: str) -> None:
        await asyncio.to_thread(insert, "join", group, channel)
        await super().group_add(group, channel)
        await super().group_discard(group, channel)


def insert(kind: str, room: str, channel: str) -> None:
    """As a process that dies before it gets to the group."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)", [kind, room, channel]
        )
    connection.close()


def members() -> set[str]:
    return set(get_channel_layer().groups.get("room", {}))


@pytest.fixture
def gone(settings: Any) -> list[PresenceEvent]:
    """Two were pruned by a process that died, and are still in the group."""
    for channel in ("gone", "also-gone", "here"):
        Room.objects.add("room", channel)
    for channel in ("gone", "also-gone"):
        insert("prune", "room", channel)
    return list(PresenceEvent.objects.filter(kind="prune"))


def use(settings: Any, layer: type[InMemoryChannelLayer]) -> Any:
    """``layer`` instead of the one there is, with its groups."""
    before = get_channel_layer()
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.{layer.__name__}"}}
    channel_layers.backends.clear()
    get_channel_layer().groups = before.groups
    return get_channel_layer()


def test_who_has_gone_is_discarded(gone: list[PresenceEvent]) -> None:
    assert members() == {"gone", "also-gone", "here"}
    discard_the_gone(gone, "default")
    assert members() == {"here"}


def test_who_is_back_is_left_alone(gone: list[PresenceEvent]) -> None:
    insert("join", "room", "gone")
    discard_the_gone(gone, "default")
    assert members() == {"gone", "here"}


def test_who_comes_back_meanwhile_is_in_the_group_afterwards(gone: list[PresenceEvent], settings: Any) -> None:
    use(settings, Overtaken)
    discard_the_gone(gone, "default")
    assert members() == {"gone", "also-gone", "here"}


def test_a_layer_that_was_restarted_is_asked_again(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, Restarted).broken = []
    discard_the_gone(gone, "default")
    assert members() == {"here"}
    assert not caplog.records


def test_what_the_layer_refuses_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    for channel in "ab":
        insert("join", "my room", channel)
        insert("leave", "my room", channel)
    discard_the_gone(list(PresenceEvent.objects.all()), "default")
    assert [record.getMessage()[:40] for record in caplog.records] == ["The channel layer failed to follow: 2 to"]


def test_a_layer_that_hangs_is_left_after_a_while(
    gone: list[PresenceEvent], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, Hanging)
    monkeypatch.setattr(groups, "PATIENCE", 0.01)
    with caplog.at_level(logging.ERROR):
        discard_the_gone(gone, "default")
    assert [record.getMessage()[:40] for record in caplog.records] == ["The channel layer failed to follow: 2 to"]


class Away(InMemoryChannelLayer):
    async def group_discard(self, group: str, channel: str) -> None:
        raise ConnectionError("away")


class OfAnotherProcess(InMemoryChannelLayer):
    """Groups are where the connection is, as with channels_redis.pubsub."""

    async def group_add(self, group: str, channel: str) -> None:
        raise RuntimeError("You can only call group_add() on channels that exist in-process.")


def test_who_could_not_be_discarded_is_discarded_later(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, Away)
    with caplog.at_level(logging.CRITICAL):
        discard_the_gone(gone, "default")
        Room.objects.remove("room", "here")
        Room.objects.remove("room", "here")
    use(settings, InMemoryChannelLayer)
    assert members() == {"gone", "also-gone", "here"}
    insert("join", "room", "gone")
    discard_the_gone([], "default")
    assert members() == {"gone"}
    assert groups.owed() == set()


def test_so_many_are_remembered_and_no_more(
    gone: list[PresenceEvent], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(groups, "MOST_OWED", 1)
    use(settings, Away)
    with caplog.at_level(logging.CRITICAL):
        discard_the_gone(gone, "default")
    assert len(groups.owed()) == 1


def test_a_name_that_the_layer_refuses_is_not_remembered(caplog: pytest.LogCaptureFixture) -> None:
    insert("join", "my room", "channel")
    with caplog.at_level(logging.CRITICAL):
        Presence.objects.leave_all("channel")
        discard_the_gone(list(PresenceEvent.objects.all()), "default")
    assert groups.owed() == set()


def test_who_came_back_before_they_were_discarded_by_whoever_pruned_them_is_in_the_group(
    gone: list[PresenceEvent],
) -> None:
    insert("join", "room", "gone")
    async_to_sync(get_channel_layer().group_discard)("room", "gone")
    discard_the_gone(gone, "default")
    assert members() == {"gone", "here"}


def test_whom_only_their_own_process_can_add_is_left_to_it(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    insert("join", "room", "gone")
    use(settings, OfAnotherProcess)
    discard_the_gone(gone, "default")
    assert not caplog.records


class Full(InMemoryChannelLayer):
    async def group_add(self, group: str, channel: str) -> None:
        raise ConnectionError("away")


def test_who_cannot_be_added_is_left_to_the_next_heartbeat(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    insert("join", "room", "gone")
    use(settings, Full)
    discard_the_gone(gone, "default")
    assert [record.getMessage()[:45] for record in caplog.records] == ["The channel layer failed to follow: 1 to add,"]
    assert groups.owed() == set()


def test_nothing_is_asked_for_without_a_layer(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    channel_layers.backends.clear()
    events = record([Draft("join", "room", "channel"), Draft("leave", "room", "channel")])
    discard_the_gone(events, "default")
