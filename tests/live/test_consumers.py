"""Consumers with a presence mixin under daphne and uvicorn, with clients that send no messages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from presence_events.models import PresenceEvent
from presence_events.recorder import Draft, record
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold
from tests.live.servers import KINDS, Server
from tests.live.sockets import Crowd, Socket, Visit
from tests.waiting import wait_until

MAX_AGE = 2
CONSUMERS = ("mixed-sync", "mixed-async")
PINGS = {
    "daphne": ("--ping-interval", "1", "--ping-timeout", "5"),
    "uvicorn": ("--ws-ping-interval", "1", "--ws-ping-timeout", "5"),
}


@pytest.fixture(scope="module", params=KINDS)
def server_of_module(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, django_db_setup: None
) -> Iterator[Server]:
    """Runs one server of each kind with a short maximal age."""
    log = tmp_path_factory.mktemp("server") / f"{request.param}.log"
    server = Server(request.param, log, PRESENCE_MAX_AGE=str(MAX_AGE))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _same_max_age(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = MAX_AGE


def test_silent_clients_stay_and_closed_ones_leave(crowd: Crowd) -> None:
    sockets = crowd.join(*visits(24))
    closing, resetting, dropping, staying = (sockets[number::4] for number in range(4))

    def old_and_fresh() -> bool:
        """Returns whether heartbeats have reached every presence. Without them the pruning would find some."""
        assert Room.objects.prune_presences() == 0
        seen_late = Presence.objects.filter(last_seen__gt=F("joined_at") + timedelta(seconds=1.5 * MAX_AGE))
        return seen_late.count() == len(stays())

    wait_until(old_and_fresh)
    assert stays() == expected_stays(sockets)

    crowd.close(closing)
    crowd.vanish(resetting, reset=True)
    crowd.vanish(dropping, reset=False)
    wait_until(lambda: stays() == expected_stays(staying))
    assert [event.kind for event in PresenceEvent.objects.filter(kind="prune")] == []
    assert_live_is_the_fold()


def test_a_connection_pruned_on_purpose_is_closed(server: Server, crowd: Crowd) -> None:
    """Another process prunes some, which the next heartbeat finds. The server itself prunes the others."""
    by_others, by_itself = (crowd.join(*visits(6)) for _ in range(2))
    for one in by_others:
        for room in one.visit.rooms:
            prune_on_purpose(room, one)
    wait_until(lambda: close_codes(by_others) == {4408})
    assert close_codes(by_itself) == {None}

    server.prune(0)
    wait_until(lambda: close_codes(by_itself) == {4408})
    wait_until(lambda: server.open_sockets() == 0)
    assert stays() == []
    assert_live_is_the_fold()


def test_the_connections_of_a_server_that_was_paused_for_too_long_rejoin(server: Server, crowd: Crowd) -> None:
    sockets = crowd.join(*visits(20))
    server.pause()
    try:
        wait_until(lambda: Room.objects.prune_presences() and not stays())
    finally:
        server.resume()
    wait_until(lambda: stays() == expected_stays(sockets))
    wait_for_heartbeats(sockets, 2)
    assert close_codes(sockets) == {None}
    assert stays() == expected_stays(sockets)
    assert_live_is_the_fold()


def test_a_connection_that_a_moderator_removes_stays_out(crowd: Crowd) -> None:
    out, beside = crowd.join(Visit("mixed-async", ("a",)), Visit("mixed-sync", ("a",)))
    Room.objects.remove("a", out.channel)
    wait_for_heartbeats([beside], 3)
    assert stays() == [("a", beside.channel)]
    assert close_codes([out, beside]) == {None}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_pings_of_the_server_find_a_dead_client(kind: str, tmp_path: Path) -> None:
    """Its TCP connection is open but silent. Without pings the process would always vouch for it."""
    server = Server(kind, tmp_path / "log", *PINGS[kind])
    crowd = Crowd(server.port)
    try:
        dead, alive = crowd.join(Visit("mixed-async", ("a",)), Visit("mixed-async", ("a",)))
        crowd.fall_silent([dead])
        wait_until(lambda: stays() == [("a", alive.channel)])
    finally:
        crowd.disperse()
        server.stop()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_stopped_records_all_leaves_many_to_a_transaction(kind: str, tmp_path: Path) -> None:
    server = Server(kind, tmp_path / "log")
    crowd = Crowd(server.port)
    try:
        sockets = crowd.join(*visits(200))
        server.stop()
    finally:
        server.kill()
        crowd.disperse()
    print(server.output())
    assert stays() == []
    leaves = PresenceEvent.objects.filter(kind="leave")
    assert sorted(leaves.values_list("room", "channel_name")) == expected_stays(sockets)
    assert "could not leave" not in server.output()
    assert_live_is_the_fold()
    # The handlers of synchronous consumers run one after the other, so their leaves arrive one by one. Usually there
    # are one to eight transactions, and about forty on a busy machine.
    assert len(set(leaves.values_list("tx", flat=True))) <= len(sockets) / 2


def visits(number: int) -> list[Visit]:
    """Returns ``number`` visits, half of them to each consumer, a third of them to two rooms."""
    rooms = [f"room-{index % 20}" for index in range(number)]
    return [
        Visit(CONSUMERS[index % 2], (room, f"{room}-too") if index % 3 == 0 else (room,))
        for index, room in enumerate(rooms)
    ]


def prune_on_purpose(room: str, one: Socket) -> None:
    assert record([Draft("prune", room, one.channel)])


def wait_for_heartbeats(sockets: list[Socket], number: int) -> None:
    """Returns when each socket has been kept alive by ``number`` beats from now on."""
    channels = [one.channel for one in sockets]
    leased = Presence.objects.filter(channel_name__in=channels, is_leased=True)
    for _ in range(number):
        moment = timezone.now()
        wait_until(
            lambda moment=moment: (
                {*leased.filter(last_seen__gt=moment).values_list("channel_name", flat=True)} >= {*channels}
            )
        )


def close_codes(sockets: list[Socket]) -> set[int | None]:
    return {one.connection.close_code for one in sockets}


def stays() -> list[tuple[str, str]]:
    return sorted(Presence.objects.values_list("room_id", "channel_name"))


def expected_stays(sockets: list[Socket]) -> list[tuple[str, str]]:
    return sorted((room, one.channel) for one in sockets for room in one.visit.rooms)
