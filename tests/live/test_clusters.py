"""Rooms on three PostgreSQL clusters, one of an older version. One is killed and comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from copy import copy
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connections
from django.utils import timezone

from projections.models import Presence, PresenceSession, Process, Room
from tests.live.app.spreading import database_of_room
from tests.live.connected import connected
from tests.live.databases import Cluster
from tests.live.dumps import run_script
from tests.live.servers import Server
from tests.live.sockets import HEARTBEAT, Crowd, Socket, Visit
from tests.waiting import wait_until

ALIASES = ("cluster-1", "cluster-2", "default")
KILLED = "cluster-1"
OTHERS = tuple(alias for alias in ALIASES if alias != KILLED)
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
MAX_AGE = 2


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cluster]]:
    """A cluster for each alias. ``cluster-2`` is PostgreSQL 15, if the machine has it."""
    programs = {"cluster-2": POSTGRES_15} if (POSTGRES_15 / "initdb").exists() else {}
    found = {alias: Cluster(tmp_path_factory.mktemp(alias), programs=programs.get(alias)) for alias in ALIASES}
    with ExitStack() as stack:
        with ThreadPoolExecutor() as threads:
            list(threads.map(lambda cluster: stack.enter_context(cluster.running()), found.values()))
        yield found


@pytest.fixture
def _connected(clusters: dict[str, Cluster], django_db_blocker: Any, settings: Any) -> Iterator[None]:
    """Connects this process to the clusters, as the server is."""
    settings.CHANNELS_PRESENCE_DATABASE = "tests.live.app.spreading.database_of_room"
    settings.DATABASE_ROUTERS = ["tests.clusters.PresenceRouter"]
    settings.CHANNELS_PRESENCE_MAX_AGE = MAX_AGE
    with connected(django_db_blocker, **clusters):
        yield


@pytest.fixture
def server(clusters: dict[str, Cluster], tmp_path: Path) -> Iterator[Server]:
    server = Server(
        "uvicorn",
        tmp_path / "server.log",
        DJANGO_SETTINGS_MODULE="tests.live.app.cluster_settings",
        DATABASE_URL=clusters["default"].url(),
        PRESENCE_CLUSTERS=f"{clusters['cluster-1'].url()} {clusters['cluster-2'].url()}",
        PRESENCE_MAX_AGE=str(MAX_AGE),
    )
    yield server
    server.stop()
    print(server.output())


@pytest.fixture
def crowd(server: Server) -> Iterator[Crowd]:
    crowd = Crowd(server.port)
    yield crowd
    crowd.disperse()


def rooms_of(alias: str, kind: str = "room") -> tuple[str, str]:
    """Names of two rooms in one cluster."""
    first, second, *_ = [
        name for name in (f"{kind}-{number}" for number in range(100)) if database_of_room(name) == alias
    ]
    return first, second


def present(alias: str) -> set[tuple[str, str]]:
    stays = Presence.objects.using(alias).values_list("room_id", "channel_name")
    return {(room, channel) for room, channel in stays if room.startswith("room-")}


def wait_until_present(alias: str, expected: set[tuple[str, str]]) -> None:
    wait_until(lambda: present(alias) == expected)


def wait_for_a_beat_after(alias: str, moment: datetime) -> None:
    wait_until(lambda: Process.objects.using(alias).filter(seen_at__gt=moment).exists())


def check_all() -> None:
    for alias in ALIASES:
        call_command("replay_presence", "--check", database=alias, verbosity=0)


def stays_of(sockets: Iterable[Socket], alias: str) -> set[tuple[str, str]]:
    return {(room, one.channel) for one in sockets for room in one.visit.rooms if database_of_room(room) == alias}


@pytest.mark.usefixtures("_connected")
def test_a_reporting_database_reads_clusters_of_both_versions(clusters: dict[str, Cluster]) -> None:
    rooms = {alias: rooms_of(alias, "report") for alias in ALIASES}
    for room in (room for of_alias in rooms.values() for room in of_alias):
        Room.objects.add(room, f"tab-of-{room}")
    with psycopg.connect(clusters["default"].url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE reporting")
    printed = StringIO()
    call_command("presence_federation", "--user", "postgres", stdout=printed)
    reporting = copy(clusters["default"])
    reporting.database = "reporting"
    run_script(reporting, printed.getvalue())
    found = reporting.query(
        "SELECT cluster, room, channel_name FROM presence_at(now()) WHERE starts_with(room, 'report')"
    )
    assert sorted(found) == sorted(
        (alias, room, f"tab-of-{room}") for alias, of_alias in rooms.items() for room in of_alias
    )
    plan = "\n".join(line for (line,) in reporting.query("EXPLAIN SELECT * FROM presence_session"))
    assert plan.count("Async Foreign Scan") == len(ALIASES)


@pytest.mark.usefixtures("_connected")
def test_a_cluster_that_is_killed_and_returns_affects_no_other(
    clusters: dict[str, Cluster], server: Server, crowd: Crowd
) -> None:
    rooms = {alias: rooms_of(alias) for alias in ALIASES}
    sockets = crowd.join(*(Visit("mixed-async", of_alias) for of_alias in rooms.values() for _ in range(3)))
    (in_all,) = crowd.join(Visit("mixed-async", tuple(first for first, _ in rooms.values())))
    by_hand = dict(zip(ALIASES, crowd.join(*(Visit("async", rooms[alias][:1]) for alias in ALIASES)), strict=True))
    sockets += by_hand.values()
    for alias in ALIASES:
        assert present(alias) == stays_of([*sockets, in_all], alias)

    clusters[KILLED].kill()
    killed_at = timezone.now()
    connections[KILLED].close()
    # The first call waits for the killed cluster, to record its leave there.
    crowd.close([in_all])
    for alias in OTHERS:
        wait_until_present(alias, stays_of(sockets, alias))
        newcomer, short = crowd.join(*[Visit("mixed-async", rooms[alias][:1])] * 2)
        crowd.send([by_hand[alias]], "hello")
        crowd.close([short])
        sockets.append(newcomer)
        wait_until_present(alias, stays_of(sockets, alias))
        wait_until(lambda alias=alias: by_hand[alias].echoes == ["hello"])
        # The beats go on. The connections of the killed cluster fall silent for the database.
        wait_for_a_beat_after(alias, killed_at + timedelta(seconds=MAX_AGE + 1))
        crowd.send([by_hand[alias]], HEARTBEAT)
        Room.objects.db_manager(alias).prune_presences(MAX_AGE * 5)
        assert present(alias) == stays_of(sockets, alias)

    server.pause()  # its beats would otherwise come first, and nothing would have to be healed
    try:
        clusters[KILLED].start()
        # A backend notices a little later that its postmaster was killed. It may still have recorded the leave.
        assert present(KILLED) | stays_of([in_all], KILLED) == stays_of([*sockets, in_all], KILLED)
        Room.objects.db_manager(KILLED).prune_presences()
        assert present(KILLED) == set()
    finally:
        server.resume()
    crowd.send([by_hand[KILLED]], HEARTBEAT)
    wait_until_present(KILLED, stays_of(sockets, KILLED))
    check_all()

    crowd.close(sockets)
    for alias in ALIASES:
        wait_until_present(alias, set())
        stays = PresenceSession.objects.using(alias).filter(room__startswith="room-")
        assert set(stays.values_list("room", flat=True)) == set(rooms[alias])
    check_all()
