"""Presence under every server that the documentation names, all of them at the same time and on one database."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.utils import timezone

from presence_events.models import PresenceEvent
from presence_events.processes import registry
from projections._worker import dead_servers
from projections._worker.dead_servers import DeadServerDetector
from projections.models import Presence, Process, Room
from tests.fold import assert_live_is_the_fold
from tests.live.servers import ALL_KINDS, Server
from tests.live.sockets import HEARTBEAT, Crowd, Socket, Visit
from tests.waiting import wait_until

MAX_AGE = 2
UVICORN = ("--ws-ping-interval", "1", "--ws-ping-timeout", "8")
PINGS = {
    "daphne": ("--ping-interval", "1", "--ping-timeout", "8"),
    **{kind: UVICORN for kind in ALL_KINDS if kind.startswith("uvicorn")},
    "gunicorn-uvicorn": ("-k", "tests.live.app.worker.PingingWorker"),
}
"""The servers that find a frozen client by themselves, with options for doing it soon."""
CUT_OFF = {"daphne", "gunicorn-asgi", "granian"}
"""The servers that may end before their consumers when they are stopped. What is left is pruned, as after a crash.

daphne does if a WebSocket was opened in the second before, as in this test: it keeps an entry of the handshake for so
long, which has no application to cancel.
"""

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def running(home: Path) -> Iterator[list[Server]]:
    """Runs one server of each kind, with a short maximal age. Shows their output at the end."""
    servers: list[Server] = []
    try:
        for kind in ALL_KINDS:
            variables = {"PRESENCE_MAX_AGE": str(MAX_AGE)}
            servers.append(Server(kind, home / kind, *PINGS.get(kind, ()), wait=False, **variables))
        for server in servers:
            server.wait_until_it_answers()
        yield servers
    finally:
        for server in servers:
            server.kill_group()
            print(f"{server.kind}:", server.output())


@pytest.fixture(scope="module")
def servers_of_module(tmp_path_factory: pytest.TempPathFactory, django_db_setup: None) -> Iterator[list[Server]]:
    with running(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def crowds(servers_of_module: list[Server], transactional_db: None, settings: Any) -> Iterator[dict[str, Crowd]]:
    """Clients of each server, by the kind of the server."""
    settings.CHANNELS_PRESENCE_MAX_AGE = MAX_AGE
    crowds = {server.kind: Crowd(server.port) for server in servers_of_module}
    yield crowds
    for crowd in crowds.values():
        crowd.disperse()
    for server in servers_of_module:
        # The tables are truncated next, so no consumer may still be recording.
        wait_until(lambda server=server: server.open_sockets() == 0)


def test_a_client_that_breaks_off_leaves(crowds: dict[str, Crowd]) -> None:
    staying = join_each(crowds, "mixed-async", "staying")
    for reset in (True, False):
        leaving = join_each(crowds, "mixed-async", f"reset-{reset}")
        for kind, crowd in crowds.items():
            crowd.vanish([leaving[kind]], reset=reset)
    wait_until(lambda: rooms() == {kind: ["staying"] for kind in crowds})
    assert not PresenceEvent.objects.filter(kind="prune").exists()
    assert close_codes(staying) == {None}


@pytest.mark.parametrize("consumer", ["pinging-async", "pinging-sync"])
def test_a_frozen_client_is_pruned_and_one_that_answers_the_pings_stays(
    consumer: str, crowds: dict[str, Crowd]
) -> None:
    answering = join_each(crowds, consumer, "answering")
    frozen = join_each(crowds, consumer, "frozen")
    for kind, crowd in crowds.items():
        crowd.fall_silent([frozen[kind]])
    wait_until(lambda: Room.objects.prune_presences() + 1 and rooms() == {kind: ["answering"] for kind in crowds})
    moment = timezone.now()
    wait_until(lambda: seen_since(moment) >= {one.channel for one in answering.values()})
    assert Room.objects.prune_presences() == 0
    assert close_codes(answering) == {None}


def test_a_frozen_client_is_pruned_and_one_that_sends_heartbeats_stays(crowds: dict[str, Crowd]) -> None:
    """Without pings of any kind: only clients that send messages are present."""
    sending = join_each(crowds, "self-reliant", "sending")
    frozen = join_each(crowds, "self-reliant", "frozen")
    for kind, crowd in crowds.items():
        crowd.fall_silent([frozen[kind]])

    def only_frozen_ones_are_pruned() -> bool:
        for kind, crowd in crowds.items():
            crowd.send([sending[kind]], HEARTBEAT)
        Room.objects.prune_presences()
        return rooms() == {kind: ["sending"] for kind in crowds}

    wait_until(only_frozen_ones_are_pruned)
    assert close_codes(sending) == {None}


def test_the_pings_of_a_server_find_a_frozen_client(crowds: dict[str, Crowd]) -> None:
    """The process vouches for it until then."""
    pinging = {kind: crowds[kind] for kind in PINGS}
    answering = join_each(pinging, "mixed-async", "answering")
    frozen = join_each(pinging, "mixed-async", "frozen")
    for kind, crowd in pinging.items():
        crowd.fall_silent([frozen[kind]])

    def only_those_that_answer_are_present() -> bool:
        assert rooms() == {kind: ["answering"] for kind in pinging}
        return True

    wait_until(only_those_that_answer_are_present)
    assert not PresenceEvent.objects.filter(kind="prune").exists()
    assert close_codes(answering) == {None}


def test_a_server_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detection of dead servers runs without the pauses between its checks."""
    with running(tmp_path) as servers, ExitStack() as clients, ThreadPoolExecutor() as executor:
        crowds = {server.kind: Crowd(server.port) for server in servers}
        for crowd in crowds.values():
            clients.callback(crowd.disperse)
        for consumer in ("mixed-async", "mixed-sync"):
            joined = join_each(crowds, consumer, consumer)
            if sys.version_info >= (3, 12, 1):
                # Hypercorn waits for its clients: https://github.com/pgjones/hypercorn/issues/308
                crowds["hypercorn"].close([joined["hypercorn"]])
        wait_until(lambda: not Presence.objects.exclude(process__in=Process.objects.values("name")).exists())
        tuple(executor.map(Server.stop, servers))
    assert rooms().keys() <= CUT_OFF
    ticks = itertools.count(step=registry.CHECK_INTERVAL)
    monkeypatch.setattr(dead_servers, "time", SimpleNamespace(monotonic=ticks.__next__, perf_counter=time.perf_counter))
    detector = DeadServerDetector("default")
    for _ in range(registry.CHECKS_UNTIL_DEAD + 1):
        detector.check()
    assert rooms() == {}
    assert_live_is_the_fold()


def join_each(crowds: dict[str, Crowd], consumer: str, name: str) -> dict[str, Socket]:
    """Connects one client to each server. The room of each is called after the server and ``name``."""
    return {kind: crowd.join(Visit(consumer, (f"{kind}.{name}",)))[0] for kind, crowd in crowds.items()}


def rooms() -> dict[str, list[str]]:
    """Returns the names of the rooms that are not empty, by the kind of the server."""
    found: dict[str, list[str]] = {}
    for kind, name in sorted(room.split(".") for room in Presence.objects.values_list("room_id", flat=True)):
        found.setdefault(kind, []).append(name)
    return found


def seen_since(moment: datetime) -> set[str]:
    return set(Presence.objects.filter(last_seen__gt=moment).values_list("channel_name", flat=True))


def close_codes(sockets: dict[str, Socket]) -> set[int | None]:
    return {one.connection.close_code for one in sockets.values()}
