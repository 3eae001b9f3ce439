"""A replica: queries on a hot standby, operations that need the primary, and the worker after a promotion."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connections, router, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import localtime

from presence_events import export
from presence_events.exceptions import NotYetReplicated
from presence_events.models import PresenceEvent
from presence_events.segments import replicas
from projections.admin.links import stay_url
from projections.attendance import attendance
from projections.models import PresenceSession, Room
from tests.live.connected import connected
from tests.live.databases import Cluster
from tests.live.received_signals import received_channels
from tests.live.standby import Standby
from tests.waiting import wait_until

PAST = (
    "presence_event",
    "presence_session",
    "presence_at",
    "presence_during",
    "presence_occupancy",
    "presence_attendance",
)


@contextmanager
def cluster_with_history(home: Path, blocker: Any) -> Iterator[Cluster]:
    """A cluster with a short history: ada is in the lobby, and a guest was there before."""
    with Cluster(home).empty() as primary:
        with connected(blocker, default=primary):
            call_command("migrate", verbosity=0)
            users: Any = get_user_model()
            ada = users.objects.create_superuser("ada", "ada@example.com", "ada")
            Room.objects.add("lobby", "laptop", ada)
            Room.objects.add("lobby", "guest")
            Room.objects.remove("lobby", "guest")
        yield primary


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Iterator[Cluster]:
    """The primary of all tests that add nothing to its log."""
    with cluster_with_history(tmp_path_factory.mktemp("primary"), django_db_blocker) as primary:
        yield primary


@pytest.fixture(scope="module")
def standby_of_module(primary: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    with Standby(tmp_path_factory.mktemp("standby"), primary).running() as standby:
        yield standby


@pytest.fixture
def standby(primary: Cluster, standby_of_module: Standby, django_db_blocker: Any, settings: Any) -> Iterator[Standby]:
    """A standby that has caught up. It is the database ``replica``, used by the router of the documentation."""
    with connected(django_db_blocker, default=primary, replica=standby_of_module):
        settings.DATABASE_ROUTERS = ["tests.live.replica_router.PresenceRouter"]
        standby_of_module.advance()
        yield standby_of_module


@pytest.fixture
def replica_queries(standby: Standby) -> Iterator[CaptureQueriesContext]:
    """The queries on the replica. Asserts that the primary runs no queries about the past."""
    with (
        CaptureQueriesContext(connections["default"]) as primary,
        CaptureQueriesContext(connections["replica"]) as replica_queries,
    ):
        yield replica_queries
    assert not [query["sql"] for query in primary if any(name in query["sql"] for name in PAST)]
    assert len(replica_queries)


@pytest.fixture
def by_worker(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"


def run(*arguments: str) -> tuple[int, str]:
    """Returns the exit status of a command, and its standard output."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=StringIO())
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.usefixtures("replica_queries")
def test_the_past_is_read_from_the_replica() -> None:
    now = replicas.replayed_up_to("replica")
    assert now is not None
    day = now - timedelta(days=1)
    assert PresenceSession.objects.db == "replica"
    assert [stay.channel_name for stay in PresenceSession.objects.at(now)] == ["laptop"]
    assert [stay.channel_name for stay in PresenceSession.objects.using("replica").at(now)] == ["laptop"]
    during = PresenceSession.objects.using("replica").in_room("lobby").during(day, now)
    assert [stay.channel_name for stay in during] == ["laptop", "guest"]
    assert [str(event.kind) for event in PresenceEvent.objects.order_by("id")] == ["join", "join", "leave"]
    with connections["replica"].cursor() as cursor:
        cursor.execute("SELECT peak_connections FROM presence_occupancy('lobby', %s, %s, '1 day')", [day, now])
        assert cursor.fetchall() == [(2,)]
    report = attendance("lobby", day, now)
    assert [attendee.stays for attendee in (*report.people, report.anonymous) if attendee] == [1, 1]


@pytest.mark.usefixtures("replica_queries")
def test_the_admin_shows_the_past_of_the_replica() -> None:
    client = Client()
    client.force_login(get_user_model()._default_manager.get(username="ada"))
    assert "lobby" in client.get(reverse("admin:presence_timeline")).content.decode()
    stay = PresenceSession.objects.in_room("lobby").get(channel_name="laptop")
    lobby = {"room": "lobby", "from": (stay.joined_at - timedelta(hours=1)).isoformat()}
    lobby["until"] = (stay.joined_at + timedelta(hours=1)).isoformat()
    for parameters in (lobby, {**lobby, "user": str(stay.user_id)}, {**lobby, "stay": str(stay.session)}):
        page = client.get(reverse("admin:presence_timeline"), parameters, follow=True)
        assert page.status_code == 200
        assert "laptop" in page.content.decode()
    data = json.loads(client.get(reverse("admin:presence_timeline_data"), lobby).content)
    assert [lane["name"] for lane in data["lanes"]] == ["ada", "anonymous"]
    lines = client.get(reverse("admin:presence_timeline_csv"), lobby).content.decode().splitlines()
    assert len(lines) == 3
    for url in (
        stay_url(stay),
        reverse("admin:projections_presencesession_changelist"),
        reverse("admin:presence_events_presenceevent_changelist"),
    ):
        assert "lobby" in client.get(url).content.decode()


A_MICROSECOND = timedelta(microseconds=1)


def test_a_moment_that_the_replica_has_not_reached_is_refused(standby: Standby) -> None:
    stays = PresenceSession.objects.all()
    with standby.paused():
        reached = replicas.replayed_up_to("replica")
        assert reached is not None
        later = reached + A_MICROSECOND
        with pytest.raises(NotYetReplicated, match="ask the primary") as caught:
            list(stays.at(later))
        assert (caught.value.moment, caught.value.replayed_up_to) == (later, reached)
        with pytest.raises(NotYetReplicated):
            list(stays.during(later, later + timedelta(days=1)))
        with pytest.raises(NotYetReplicated):
            attendance("lobby", later, later + timedelta(days=1))
        with pytest.raises(NotYetReplicated):
            export.events(later, None, using="replica")
        assert [stay.channel_name for stay in stays.at(later, partial=True)] == ["laptop"]
        assert [stay.channel_name for stay in stays.during(reached, later + timedelta(days=1))] == ["laptop"]
        assert not export.events(later, None, using="replica", partial=True).exists()
        assert not export.events(reached, None, using="replica").exists()
    assert replicas.replayed_up_to("default") is None
    assert [stay.channel_name for stay in stays.using("default").at(later)] == ["laptop"]


def test_a_replica_that_lags_refuses_a_moment_until_it_has_the_events(
    tmp_path: Path, django_db_blocker: Any, settings: Any
) -> None:
    settings.DATABASE_ROUTERS = ["tests.live.replica_router.PresenceRouter"]
    with (
        cluster_with_history(tmp_path / "primary", django_db_blocker) as primary,
        Standby(tmp_path / "standby", primary).running() as standby,
        connected(django_db_blocker, default=primary, replica=standby),
    ):
        with standby.paused():
            Room.objects.add("lobby", "late")
            moment = datetime.now(UTC)
            with pytest.raises(NotYetReplicated):
                list(PresenceSession.objects.at(moment))
        standby.advance()
        assert [stay.channel_name for stay in PresenceSession.objects.at(moment)] == ["laptop", "late"]


def test_a_moment_is_reached_before_a_transaction_that_commits_later(primary: Cluster, standby: Standby) -> None:
    """The primary did not show the join at that moment either. It is shown once it is committed."""
    before = PresenceSession.objects.filter(room="hall")
    with psycopg.connect(primary.url()) as joining:
        joining.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'hall', 'slow')")
        moment = datetime.now(UTC)
        standby.advance()
        assert not before.at(moment).exists()
        joining.rollback()


@pytest.mark.usefixtures("standby")
def test_a_transaction_with_one_snapshot_does_not_count_what_is_replayed_after_it() -> None:
    moment = replicas.replayed_up_to("replica")
    assert moment is not None
    with transaction.atomic(using="replica"):
        with connections["replica"].cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert replicas.replayed_up_to("replica") == datetime(1970, 1, 1, tzinfo=UTC)
        with pytest.raises(NotYetReplicated):
            list(PresenceSession.objects.at(moment))


def test_pages_and_reports_say_up_to_when_the_replica_has_the_log(standby: Standby) -> None:
    client = Client()
    client.force_login(get_user_model()._default_manager.get(username="ada"))
    with standby.paused():
        reached = replicas.replayed_up_to("replica")
        assert reached is not None
        for url, parameters in (
            (reverse("admin:presence_timeline"), {"room": "lobby"}),
            (reverse("admin:projections_presencesession_changelist"), {}),
        ):
            page = client.get(url, parameters, follow=True).content.decode()
            assert f"This database is a replica. It has replayed up to {localtime(reached):%Y-%m-%d}" in page
        assert f"It has replayed up to {reached.isoformat()}." in exported("replica")
        assert "replica" not in exported("default")
        with pytest.raises(CommandError, match="the replica has replayed up to"):
            run("export_presence", "sessions", "--from", (reached + A_MICROSECOND).isoformat())
        status = run("presence_status", "--database", "replica", "--no-leader")[1]
    assert f"replayed        up to {reached:%Y-%m-%d %H:%M:%S}" in status


def exported(database: str) -> str:
    """Returns what an export of the stays writes to standard error."""
    err = StringIO()
    call_command("export_presence", "sessions", "--database", database, stdout=StringIO(), stderr=err)
    return err.getvalue()


@pytest.mark.parametrize("arguments", [[], ["--database", "replica"]], ids=["router", "database"])
@pytest.mark.usefixtures("replica_queries")
def test_the_past_is_exported_from_the_replica(arguments: list[str]) -> None:
    assert len(run("export_presence", "sessions", *arguments)[1].splitlines()) == 3
    assert len(run("export_presence", "events", "--from", "2020-01-01", *arguments)[1].splitlines()) == 4


@pytest.mark.usefixtures("replica_queries")
def test_a_user_that_was_read_from_the_replica_is_saved_to_the_primary() -> None:
    stay = PresenceSession.objects.in_room("lobby").select_related("user").get(channel_name="laptop")
    user: Any = stay.user
    assert user._state.db == "replica"
    user.save()
    LogEntry.objects.create(user=user, action_flag=1, content_type=ContentType.objects.first())
    assert not router.allow_migrate_model("replica", PresenceEvent)
    assert router.allow_migrate_model("default", PresenceEvent)


def test_presences_are_compared_with_the_log_on_the_replica(primary: Cluster, standby: Standby) -> None:
    check = ("replay_presence", "--check", "--database", "replica")
    assert run(*check) == (0, "Rooms and presences match the log.\n")
    with connections["default"].cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE presence_open_stay SET data = '1'")
        cursor.execute("RESET session_replication_role")
    standby.catch_up()
    status, output = run(*check)
    assert status == 1
    assert "1 rows differ from the log." in output
    assert "1 rows changed" in run("replay_presence")[1]
    standby.catch_up()
    assert run(*check)[0] == 0


@pytest.mark.usefixtures("standby")
def test_the_status_of_a_replica_describes_what_it_has_replicated() -> None:
    status, output = run("presence_status", "--database", "replica", "--no-leader")
    assert status == 0
    assert "hot standby" in output
    assert "connections     1, 0 of them anonymous" in output


@pytest.mark.usefixtures("standby", "by_worker")
def test_the_log_is_followed_on_the_primary() -> None:
    with pytest.raises(CommandError, match="Follow the log on the primary"):
        run("run_projector", "--once", "--database", "replica")
    with pytest.raises(CommandError, match="Follow the log on the primary"):
        run("run_projector", "--reset", "end", "--database", "replica")
    assert "0 events delivered" in run("run_projector", "--once")[1]


@contextmanager
def acting_while_it_waits(out: StringIO, act: Callable[[], None]) -> Iterator[None]:
    """Calls ``act`` once the worker in the block has written to ``out`` why it waits. Then stops the worker."""
    errors: list[BaseException] = []

    def act_and_stop() -> None:
        try:
            wait_until(lambda: "OperationalError: Follow the log on the primary" in out.getvalue())
            act()
        except BaseException as error:
            errors.append(error)
        finally:
            connections.close_all()
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=act_and_stop)
    thread.start()
    yield
    thread.join()
    assert errors == []


@pytest.mark.parametrize("checkpoint", ["none", "replicated"])
@pytest.mark.usefixtures("by_worker")
def test_a_worker_on_the_replica_prints_why_it_waits(checkpoint: str, standby: Standby) -> None:
    if checkpoint == "replicated":
        run("run_projector", "--reset", "end")
        standby.catch_up()
    out = StringIO()
    with acting_while_it_waits(out, lambda: None):
        call_command("run_projector", "--database", "replica", stdout=out)
    assert out.getvalue().count("Follow the log on the primary") == 1
    assert out.getvalue().endswith("Stopped.\n")


@pytest.mark.usefixtures("by_worker")
def test_after_the_promotion_the_worker_continues_from_the_checkpoint(
    tmp_path: Path, django_db_blocker: Any, signals: list[dict[str, Any]]
) -> None:
    with (
        cluster_with_history(tmp_path / "primary", django_db_blocker) as primary,
        Standby(tmp_path / "standby", primary).running() as standby,
    ):
        with connected(django_db_blocker, default=primary), psycopg.connect(primary.url()) as appending:
            run("run_projector", "--reset", "end")
            appending.execute("INSERT INTO presence_event (kind, room, channel_name) VALUES ('join', 'lobby', 'never')")
            Room.objects.add("hall", "before")
            assert run("run_projector", "--once")[1] == "1 events delivered\n"
            assert received_channels(signals) == ["before"]
            Room.objects.add("hall", "unread")
            standby.catch_up()
            appending.rollback()

        def promote_and_record() -> None:
            standby.promote()
            Room.objects.add("hall", "after")
            wait_until(lambda: len(signals) == 2)

        out = StringIO()
        with connected(django_db_blocker, default=standby):
            with acting_while_it_waits(out, promote_and_record):
                call_command("run_projector", stdout=out)
            assert received_channels(signals) == ["unread", "after"]
            assert run("replay_presence", "--check")[0] == 0
