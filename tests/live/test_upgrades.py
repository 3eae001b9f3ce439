"""Upgrades without downtime: a database of the first release is migrated while processes of that release run, and
processes are replaced one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import OperationalError, connection

from presence_events import sql
from presence_events.models import PresenceEvent
from projections.models import DeadLetter, Presence, PresenceSession, Room
from tests.fold import assert_live_is_the_fold
from tests.live import releases
from tests.live.connected import connected
from tests.live.databases import Cluster
from tests.live.dumps import execute
from tests.live.received_signals import received_channels
from tests.live.releases.dumps import grants, schema
from tests.live.releases.history import BEGIN
from tests.live.releases.old_code import OldCode


@pytest.fixture(scope="module")
def cluster_of_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("upgrades")).empty() as cluster:
        yield cluster


@pytest.fixture
def cluster(cluster_of_module: Cluster, django_db_blocker: Any) -> Iterator[Cluster]:
    """An empty database, which Django is connected to."""
    cluster_of_module.use_new_database()
    with connected(django_db_blocker, default=cluster_of_module):
        yield cluster_of_module


@pytest.fixture
def released(cluster: Cluster) -> Cluster:
    """A database of the first release, with history."""
    releases.load(cluster)
    return cluster


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_the_dump_of_the_release_is_what_the_migrations_create(
    released: Cluster, cluster_of_module: Cluster, django_db_blocker: Any
) -> None:
    """Until the first release. From then on, the dump stays as it is, and this test is removed."""
    dumped = schema(released)
    cluster_of_module.use_new_database()
    with connected(django_db_blocker, default=cluster_of_module):
        call_command("migrate", verbosity=0)
    again = "run python -m tests.live.releases"
    assert dumped == schema(cluster_of_module), again
    assert releases.GRANTS.read_text() == grants(), again


def test_the_first_release_runs_while_the_database_is_migrated_and_beside_the_new_code(released: Cluster) -> None:
    last = PresenceEvent.objects.order_by("-id")[0].id
    execute(released, "CREATE ROLE app LOGIN")
    releases.grant(released, role="app")
    with OldCode(released, "app") as old:
        old.wait()
        call_command("migrate", verbosity=0)
        old.wait()
        for app_label in ("presence_events", "projections"):
            execute(released, sql.read(app_label, "grants/app"), role="app")
        old.wait()
        asyncio.run(_join_by_new_code())
        assert set(Presence.objects.filter(room="new").values_list("process", flat=True)) != {None}
        old.wait()
        # The new code has the connection, and the old code ends it.
        leave = (
            "INSERT INTO presence_event (kind, room, channel_name) VALUES ('leave', 'new', 'new-1') RETURNING process"
        )
        assert released.query(leave) == [(None,)]
    appended = PresenceEvent.objects.of_rooms().filter(id__gt=last).exclude(room="new")
    recorded = set(appended.values_list("id", "kind", "room", "channel_name"))
    assert len(old.acknowledged) == len(recorded)
    assert set(old.acknowledged) == recorded
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"
    assert_live_is_the_fold()


def test_the_history_of_the_first_release_is_kept_and_can_be_queried(released: Cluster) -> None:
    events = list(PresenceEvent.objects.order_by("id").values())
    assert len(events) > 200
    assert {event["kind"] for event in events} == {"join", "touch", "leave", "prune"}
    call_command("migrate", verbosity=0)
    assert list(PresenceEvent.objects.order_by("id").values()) == events
    assert run_checks(databases=["default"]) == []
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"
    assert_live_is_the_fold()

    ends = [event for event in events if event["kind"] in ("leave", "prune") and event["session"]]
    closed, open_stays = PresenceSession.objects.filter(is_open=False), PresenceSession.objects.filter(is_open=True)
    assert set(closed.values_list("session", flat=True)) == {event["session"] for event in ends}
    assert set(open_stays.values_list("session", flat=True)) == set(Presence.objects.values_list("id", flat=True))
    assert set(closed.values_list("user_id", flat=True)) == {event["user_id"] for event in ends}
    moments = [BEGIN + timedelta(hours=hours) for hours in range(-4, 80, 6)]
    found = [set(PresenceSession.objects.at(moment).values_list("session", flat=True)) for moment in moments]
    assert any(found)
    for moment, sessions in zip(moments, found, strict=True):
        present = {event["session"] for event in ends if event["since"] <= moment < event["at"]}
        present |= set(Presence.objects.filter(joined_at__lte=moment).values_list("id", flat=True))
        assert sessions == present
    occupancy = "SELECT sum(connections) FROM presence_occupancy('lobby', %s, %s, '1 hour')"
    assert released.query(occupancy, BEGIN, BEGIN + timedelta(days=1))[0][0] > 5


def test_the_worker_goes_on_from_the_checkpoint_of_the_first_release(
    released: Cluster, settings: Any, signals: list[dict[str, Any]]
) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    call_command("migrate", verbosity=0)
    Room.objects.add("lobby", "new")
    run("run_projector", "--once")
    assert received_channels(signals) == ["claimed", "leased", "last", "gone", "gone", "new"]
    assert DeadLetter.objects.get().receiver == "site.receive"


def test_a_migration_that_runs_into_the_lock_timeout_changes_nothing_and_can_be_repeated(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last statements of the migration wait for the log, and fail after everything else."""
    call_command("migrate", "presence_events", verbosity=0)
    before = schema(cluster)
    connection.close()
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=100ms")
    with psycopg.connect(cluster.url()) as writer:
        writer.execute("LOCK TABLE presence_event IN ROW EXCLUSIVE MODE")
        with pytest.raises(OperationalError, match="lock timeout"):
            call_command("migrate", verbosity=0)
        connection.close()
        assert schema(cluster) == before
    call_command("migrate", verbosity=0)
    Room.objects.add("lobby", "c")
    assert run("replay_presence", "--check") == "Rooms and presences match the log.\n"


def test_tables_can_be_created_anew_from_the_rows_of_the_log(released: Cluster) -> None:
    """As CHANGELOG.md says for a database of an earlier state, whose log had no days."""
    columns = [field.column for field in PresenceEvent._meta.concrete_fields if field.name != "day"]
    events = list(PresenceEvent.objects.order_by("id").values(*columns))
    presences = list(Presence.objects.order_by("id").values())
    names = ", ".join(columns)
    with connection.cursor() as cursor, cursor.copy(f"COPY (SELECT {names} FROM presence_event) TO STDOUT") as copy:
        rows = b"".join(copy).decode()
    call_command("migrate", "presence_events", "zero", verbosity=0)
    call_command("migrate", verbosity=0)
    execute(released, "ALTER TABLE presence_event DISABLE TRIGGER ALL")
    execute(released, f"COPY presence_event ({names}) FROM STDIN;\n{rows}\\.\n")
    execute(released, "ALTER TABLE presence_event ENABLE TRIGGER ALL")
    execute(released, "SELECT setval('presence_event_id_seq', max(id)) FROM presence_event")
    execute(released, "SELECT setval('presence_open_stay_id_seq', max(session)) FROM presence_event")
    run("replay_presence")
    assert list(PresenceEvent.objects.order_by("id").values(*columns)) == events
    assert list(Presence.objects.order_by("id").values()) == presences
    assert run_checks(databases=["default"]) == []
    Room.objects.add("lobby", "new")
    assert Presence.objects.get(channel_name="new").id > presences[-1]["id"]
    assert_live_is_the_fold()


async def _join_by_new_code() -> None:
    await asyncio.gather(*(Room.objects.aadd("new", f"new-{number}") for number in range(10)))


@pytest.fixture
def join_with_signals(cluster: Cluster, settings: Any) -> Callable[[str, str], None]:
    """Records a join in a process with the given CHANNELS_PRESENCE_SIGNALS. The database is migrated."""
    call_command("migrate", verbosity=0)

    def join(setting: str, channel: str) -> None:
        settings.CHANNELS_PRESENCE_SIGNALS = setting
        Room.objects.add("lobby", channel)

    return join


@pytest.fixture
def worker(settings: Any) -> Callable[[], None]:
    def once() -> None:
        settings.CHANNELS_PRESENCE_SIGNALS = "worker"
        run("run_projector", "--once")

    return once


def test_no_signal_is_lost_if_the_checkpoint_is_set_before_the_first_process_stops_sending_signals(
    signals: list[dict[str, Any]],
    join_with_signals: Callable[[str, str], None],
    worker: Callable[[], None],
) -> None:
    join_with_signals("inline", "before")
    run("run_projector", "--reset", "end")
    join_with_signals("worker", "first")
    join_with_signals("inline", "last")
    assert received_channels(signals) == ["before", "last"]
    worker()
    assert received_channels(signals) == ["first", "last"]
    join_with_signals("worker", "after")
    worker()
    assert received_channels(signals) == ["after"]


def test_no_signal_is_lost_if_the_worker_is_the_last_to_stop(
    signals: list[dict[str, Any]],
    join_with_signals: Callable[[str, str], None],
    worker: Callable[[], None],
) -> None:
    run("run_projector", "--reset", "end")
    join_with_signals("worker", "before")
    join_with_signals("inline", "first")
    join_with_signals("worker", "last")
    assert received_channels(signals) == ["first"]
    worker()
    assert received_channels(signals) == ["before", "first", "last"]
    join_with_signals("inline", "after")
    assert received_channels(signals) == ["after"]
