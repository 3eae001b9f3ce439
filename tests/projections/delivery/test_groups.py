"""Groups are updated when events are recorded, and reconciled with the database afterwards."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, channel_layers, get_channel_layer
from django.db import connection

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, arecord, record
from projections._delivery import groups
from projections._delivery.dispatch import reconcile_groups
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


class RestartedLayer(InMemoryChannelLayer):
    """Its connections are broken: the first discard of each channel fails."""

    async def group_discard(self, group: str, channel: str) -> None:
        if channel not in self.broken:
            self.broken.append(channel)
            raise ConnectionError("reset by peer")
        await super().group_discard(group, channel)

    broken: list[str]


class HangingLayer(InMemoryChannelLayer):
    """It never answers a discard."""

    async def group_discard(self, group: str, channel: str) -> None:
        await asyncio.Event().wait()


class OvertakenLayer(InMemoryChannelLayer):
    """Before it executes a discard, the connection has come back and its process has added it."""

    async def group_discard(self, group: str, channel: str) -> None:
        await asyncio.to_thread(insert, "join", group, channel)
        await super().group_add(group, channel)
        await super().group_discard(group, channel)


class UnavailableLayer(InMemoryChannelLayer):
    """It cannot discard."""

    async def group_discard(self, group: str, channel: str) -> None:
        raise ConnectionError("unavailable")


class FullLayer(InMemoryChannelLayer):
    """It cannot add."""

    async def group_add(self, group: str, channel: str) -> None:
        raise ConnectionError("full")


class InProcessLayer(InMemoryChannelLayer):
    """Its groups are in the process that has the connection, as with channels_redis.pubsub."""

    async def group_add(self, group: str, channel: str) -> None:
        raise RuntimeError("You can only call group_add() on channels that exist in-process.")


class RefusingLayer(InMemoryChannelLayer):
    """It refuses every name, and counts the requests."""

    requests = 0

    async def group_add(self, group: str, channel: str) -> None:
        self.requests += 1
        raise TypeError("not a valid group name")

    group_discard = group_add


class HalfHangingLayer(InMemoryChannelLayer):
    """It answers the discards of one channel with an error, and no others."""

    async def group_discard(self, group: str, channel: str) -> None:
        if channel != "also-gone":
            await asyncio.Event().wait()
        raise ConnectionError("reset by peer")


def insert(kind: str, room: str, channel: str) -> None:
    """Records an event without updating the group, like a process that dies after the commit."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)", [kind, room, channel]
        )
    connection.close()


def members() -> set[str]:
    return set(get_channel_layer().groups.get("room", {}))


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The first part of each log message, up to a comma."""
    return [record.getMessage().partition(",")[0] for record in caplog.records]


@pytest.fixture
def gone(settings: Any) -> list[PresenceEvent]:
    """The prunes of two connections that are still in the group, because the process that recorded them died."""
    for channel in ("gone", "also-gone", "here"):
        Room.objects.add("room", channel)
    for channel in ("gone", "also-gone"):
        insert("prune", "room", channel)
    return list(PresenceEvent.objects.filter(kind="prune"))


def use(settings: Any, layer: type[InMemoryChannelLayer]) -> Any:
    """Replaces the layer by one of the class ``layer`` with the same groups, and returns it."""
    before = get_channel_layer()
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.{layer.__name__}"}}
    channel_layers.backends.clear()
    get_channel_layer().groups = before.groups
    return get_channel_layer()


async def test_concurrent_requests_to_the_layer_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    under_way = most = 0

    async def slow(layer: Any, group: str, channel: str) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    monkeypatch.setattr(InMemoryChannelLayer, "group_add", slow)
    await arecord([Draft("join", "room", f"{number}") for number in range(3 * groups.MAX_CONCURRENT)])
    assert most == groups.MAX_CONCURRENT


async def test_a_request_that_the_layer_cancels_fails_and_the_others_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    real = InMemoryChannelLayer.group_add

    async def cancel_one(layer: Any, group: str, channel: str) -> None:
        if channel == "b":
            raise asyncio.CancelledError
        await real(layer, group, channel)

    monkeypatch.setattr(InMemoryChannelLayer, "group_add", cancel_one)
    with pytest.raises(TimeoutError, match="No answer"):
        await arecord([Draft("join", "room", channel) for channel in "abc"])
    assert members() == {"a", "c"}


async def test_the_last_event_of_a_connection_in_a_batch_decides() -> None:
    await arecord([Draft("join", "room", "channel")])
    await arecord([Draft("leave", "room", "channel"), Draft("join", "room", "channel")])
    assert list(get_channel_layer().groups["room"]) == ["channel"]
    await arecord([Draft("join", "hall", "channel"), Draft("leave", "hall", "channel")])
    assert "hall" not in get_channel_layer().groups


async def test_an_add_that_fails_raises(settings: Any) -> None:
    use(settings, FullLayer)
    with pytest.raises(ConnectionError):
        await groups.add("room", "channel", "default")


def test_ended_connections_are_discarded(gone: list[PresenceEvent]) -> None:
    assert members() == {"gone", "also-gone", "here"}
    reconcile_groups(gone, "default")
    assert members() == {"here"}


def test_a_connection_that_is_back_stays_in_the_group(gone: list[PresenceEvent]) -> None:
    insert("join", "room", "gone")
    reconcile_groups(gone, "default")
    assert members() == {"gone", "here"}


def test_interleaving_a_connection_that_comes_back_during_its_discard_is_added(
    gone: list[PresenceEvent], settings: Any
) -> None:
    """The worker looks up that the connection is absent, the connection joins and is added, the layer discards it."""
    use(settings, OvertakenLayer)
    reconcile_groups(gone, "default")
    assert members() == {"gone", "also-gone", "here"}


def test_a_restarted_layer_gets_a_second_request(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, RestartedLayer).broken = []
    reconcile_groups(gone, "default")
    assert members() == {"here"}
    assert not caplog.records


def test_refused_names_are_logged_in_one_message(caplog: pytest.LogCaptureFixture) -> None:
    for channel in "ab":
        insert("join", "my room", channel)
        insert("leave", "my room", channel)
    reconcile_groups(list(PresenceEvent.objects.all()), "default")
    assert messages(caplog) == ["Group update failed: 2 to discard"]


@pytest.mark.parametrize("present", [True, False])
async def test_a_refused_name_is_not_retried(present: bool, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    layer = use(settings, RefusingLayer)
    await groups.reconcile([("room", "channel")], "default", present=present)
    assert layer.requests == 1
    assert messages(caplog) == [f"Group update failed: 1 to {'add' if present else 'discard'}"]


def test_a_layer_that_hangs_has_a_time_limit(
    gone: list[PresenceEvent], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, HangingLayer)
    monkeypatch.setattr(groups, "LAYER_TIMEOUT", 0.01)
    with caplog.at_level(logging.ERROR):
        reconcile_groups(gone, "default")
    assert messages(caplog) == ["Group update failed: 2 to discard"]
    assert groups.take_pending_discards("default") == {("room", "gone"), ("room", "also-gone")}


def test_the_logged_example_is_an_error_of_the_layer_if_there_is_one(
    gone: list[PresenceEvent], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, HalfHangingLayer)
    monkeypatch.setattr(groups, "LAYER_TIMEOUT", 0.01)
    with caplog.at_level(logging.ERROR):
        reconcile_groups(gone, "default")
    (logged,) = caplog.records
    assert logged.getMessage() == "Group update failed: 2 to discard, for example ('room', 'also-gone')"
    assert logged.exc_info is not None
    assert isinstance(logged.exc_info[1], ConnectionError)


def test_pending_discards_are_retried_later(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    use(settings, UnavailableLayer)
    with caplog.at_level(logging.CRITICAL):
        reconcile_groups(gone, "default")
        Room.objects.remove("room", "here")
        Room.objects.remove("room", "here")
    use(settings, InMemoryChannelLayer)
    assert members() == {"gone", "also-gone", "here"}
    insert("join", "room", "gone")
    reconcile_groups([], "default")
    assert members() == {"gone"}
    assert groups.take_pending_discards("default") == set()


def test_the_number_of_remembered_discards_is_limited(
    gone: list[PresenceEvent], settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(groups, "MAX_PENDING_DISCARDS", 1)
    use(settings, UnavailableLayer)
    with caplog.at_level(logging.CRITICAL):
        reconcile_groups(gone, "default")
    assert len(groups.take_pending_discards("default")) == 1


def test_the_discard_of_a_refused_name_is_not_remembered(caplog: pytest.LogCaptureFixture) -> None:
    insert("join", "my room", "channel")
    with caplog.at_level(logging.CRITICAL):
        Presence.objects.leave_all("channel")
        reconcile_groups(list(PresenceEvent.objects.all()), "default")
        async_to_sync(groups.discard)("my room", "channel", "default")
    assert groups.take_pending_discards("default") == set()


def test_interleaving_a_connection_that_comes_back_before_the_discard_of_the_pruning_process_is_added(
    gone: list[PresenceEvent],
) -> None:
    """A process records the prune, the connection joins and is added, the process discards it."""
    insert("join", "room", "gone")
    async_to_sync(get_channel_layer().group_discard)("room", "gone")
    reconcile_groups(gone, "default")
    assert members() == {"gone", "here"}


def test_a_connection_that_only_its_own_process_can_add_is_no_error(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    insert("join", "room", "gone")
    use(settings, InProcessLayer)
    reconcile_groups(gone, "default")
    assert not caplog.records


def test_a_failed_add_is_left_to_the_next_heartbeat(
    gone: list[PresenceEvent], settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    insert("join", "room", "gone")
    use(settings, FullLayer)
    reconcile_groups(gone, "default")
    assert messages(caplog) == ["Group update failed: 1 to add"]
    assert groups.take_pending_discards("default") == set()


def test_without_a_layer_nothing_happens(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    channel_layers.backends.clear()
    events = record([Draft("join", "room", "channel"), Draft("leave", "room", "channel")])
    reconcile_groups(events, "default")
