"""Each figure of the status, in a situation in which it is known."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from presence_events import checkpoints, sql
from presence_events.checkpoints import Reader
from presence_events.models import Anchor, PresenceEvent, StoredSeal
from presence_events.processes.registry import CHECK_INTERVAL, CHECKS_UNTIL_DEAD
from presence_events.seals import anchors
from presence_events.seals.sealing import seal
from presence_events.segments import preparing
from presence_events.tail import Cut, Mark
from projections._worker.leader_lock import LeaderLock
from projections.models import DeadLetter, Presence, Room
from projections.status import (
    CheckpointStatus,
    RetentionStatus,
    Status,
    TriggerStatus,
    figures,
    find_problems,
    status,
    text,
)
from tests.backdating import Stay, write
from tests.leases import beat, join_leased, let_pass, move_lease
from tests.postgres import embedded
from tests.seals import attack
from tests.segments import divide
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[3]


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def follow_from_the_beginning(name: str = "reports") -> None:
    checkpoints.reset(name, Mark.after(0, "default"), using="default")


def checkpoint() -> CheckpointStatus:
    (found,) = status().checkpoints
    return found


@contextmanager
def temporarily(statement: str, undo: str) -> Iterator[None]:
    """Executes ``statement`` before the block and ``undo`` after it."""
    execute(statement)
    try:
        yield
    finally:
        execute(undo)


def test_the_status_of_an_empty_database() -> None:
    found = status()
    assert abs(found.at - timezone.now()) < timedelta(minutes=1)
    assert found == Status(
        at=found.at,
        is_standby=False,
        are_estimates=False,
        replayed_up_to=None,
        signals="inline",
        people=0,
        anonymous=0,
        connections=0,
        rooms=0,
        empty_rooms=0,
        position=0,
        prepared_days=None,
        appends_per_second=0,
        oldest_stay=0,
        oldest_unseen=0,
        dead_letters=0,
        last_dead_letter=None,
        dead_letter_workers=(),
        processes=0,
        triggers=(),
        has_worker=False,
        checkpoints=(),
        retention=tuple(RetentionStatus(part, None, None, 0, False, None) for part in ("touches", "stays")),
    )


def test_users_are_counted_once_and_connections_in_each_room(user: Any, other_user: Any) -> None:
    for room, channel, person in [
        ("a", "laptop", user),
        ("a", "phone", user),
        ("b", "phone", user),
        ("b", "tablet", other_user),
        ("b", "guest", None),
        ("left", "gone", None),
    ]:
        Room.objects.add(room, channel, person)
    Room.objects.remove("left", "gone")
    found = status("default")
    assert (found.people, found.anonymous, found.connections) == (2, 1, 5)
    assert (found.rooms, found.empty_rooms) == (3, 1)
    assert found.position == PresenceEvent.objects.latest("id").id


def test_the_longest_stay_and_the_longest_unseen_may_be_different_connections(user: Any) -> None:
    now = timezone.now()
    write(
        Stay("room", "long", user, now - timedelta(hours=2), last_seen=now - timedelta(seconds=5)),
        Stay("room", "silent", None, now - timedelta(minutes=10), last_seen=now - timedelta(minutes=5)),
        Stay("room", "gone", None, now - timedelta(hours=9), now - timedelta(hours=8)),
    )
    found = status()
    assert 7200 <= found.oldest_stay < 7260
    assert 300 <= found.oldest_unseen < 360


def test_a_last_sign_of_life_in_the_future_counts_as_now() -> None:
    write(Stay("room", "channel", None, timezone.now(), last_seen=timezone.now() + timedelta(hours=1)))
    assert status().oldest_unseen == 0


def test_appends_are_averaged_over_the_last_minute() -> None:
    now = timezone.now()
    write(
        *(Stay("room", f"before-{number}", None, now - timedelta(minutes=10)) for number in range(50)),
        *(Stay("room", f"now-{number}", None, now - timedelta(seconds=5)) for number in range(30)),
    )
    assert status().appends_per_second == 0.5


def test_appends_are_zero_without_events_in_the_last_minute() -> None:
    write(Stay("room", "channel", None, timezone.now() - timedelta(minutes=10)))
    found = status()
    assert found.appends_per_second == 0
    assert found.position > 0


def test_dead_letters_are_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = [
        DeadLetter.objects.create(worker=worker, receiver="r", first=1, last=1, tries=3, error="e")
        for worker in ("old", "old", "projector", "a", "projector")
    ]
    found = status()
    assert (found.dead_letters, found.last_dead_letter) == (5, letters[-1].id)
    assert found.dead_letter_workers == ("a", "old", "projector")
    monkeypatch.setattr("projections.status.figures.COUNTED", 3)
    found = status()
    assert (found.dead_letters, found.last_dead_letter) == (3, letters[-1].id)
    assert found.dead_letter_workers == ("a", "projector")


def test_processes_count_as_alive_until_their_beat_is_overdue() -> None:
    for name, silent in [
        ("a", 0),
        ("b", CHECK_INTERVAL * (CHECKS_UNTIL_DEAD - 1)),
        ("c", CHECK_INTERVAL * (CHECKS_UNTIL_DEAD + 1)),
    ]:
        beat(name)
        move_lease(name, -silent)
    assert status().processes == 2


def test_the_sender_of_signals_is_reported(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    assert status().signals == "worker"


def test_a_checkpoint_lags_by_the_events_to_be_delivered() -> None:
    now = timezone.now()
    write(
        Stay("room", "a", None, now - timedelta(minutes=30), now - timedelta(minutes=10)),
        Stay("room", "b", None, now - timedelta(minutes=20), last_seen=now - timedelta(minutes=15)),
    )
    follow_from_the_beginning()
    found = checkpoint()
    assert (found.name, found.lag_events, found.has_more, found.has_leader) == ("reports", 3, False, False)
    assert 1800 <= found.lag_seconds < 1860


def test_touches_lag_only_with_data() -> None:
    Room.objects.add("room", "channel")
    checkpoints.reset("reports", Mark.end("default"), using="default")
    Presence.objects.touch("channel")
    assert (checkpoint().lag_events, checkpoint().lag_seconds) == (0, 0)
    Presence.objects.touch("channel", {"status": "busy"})
    assert checkpoint().lag_events == 1
    assert checkpoint().lag_seconds > 0


def test_events_that_were_read_within_a_window_do_not_lag() -> None:
    follow_from_the_beginning()
    for number in range(5):
        Room.objects.add("room", f"channel-{number}")
    reader = Reader("reports", using="default")
    while len(reader.read(2)) < 2:
        reader.advance()
    assert reader.has_more
    reader.advance()
    reader.store()
    assert checkpoint().lag_events == 3


def test_each_checkpoint_has_a_lag_of_its_own() -> None:
    hostile = 'a"b\\c\nd'
    follow_from_the_beginning(hostile)
    Room.objects.add("room", "channel")
    checkpoints.reset("reports", Mark.end("default"), using="default")
    Room.objects.add("room", "other")
    assert [(each.name, each.lag_events) for each in status().checkpoints] == [(hostile, 2), ("reports", 1)]


def test_the_main_worker_has_a_checkpoint_only_if_it_sends_the_signals(settings: Any) -> None:
    follow_from_the_beginning("projector")
    follow_from_the_beginning("reports")
    assert [each.name for each in status().checkpoints] == ["reports"]
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    assert [each.name for each in status().checkpoints] == ["projector", "reports"]


def test_lag_is_counted_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    follow_from_the_beginning()
    monkeypatch.setattr("projections.status.figures.COUNTED", 3)
    for number in range(3):
        Room.objects.add("room", f"channel-{number}")
    assert (checkpoint().lag_events, checkpoint().has_more) == (3, False)
    Room.objects.add("room", "one-more")
    assert (checkpoint().lag_events, checkpoint().has_more) == (3, True)


def test_events_beyond_the_range_that_is_read_count_as_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    write(
        Stay("room", "a", None, now - timedelta(minutes=30), last_seen=now - timedelta(minutes=20)),
        Stay("room", "b", None, now - timedelta(minutes=25), last_seen=now - timedelta(minutes=10)),
    )
    second, last = PresenceEvent.objects.filter(kind="touch").order_by("id").values_list("id", flat=True)
    checkpoints.reset("reports", Mark.after(second - 1, "default"), using="default")
    assert (checkpoint().lag_events, checkpoint().has_more, checkpoint().lag_seconds) == (0, False, 0)
    monkeypatch.setattr("projections.status.figures.STRETCH", last - second)
    found = checkpoint()
    assert (found.lag_events, found.has_more) == (0, True)
    assert 600 <= found.lag_seconds < 660


def test_the_holder_of_the_lock_of_a_checkpoint_leads() -> None:
    follow_from_the_beginning("billing")
    follow_from_the_beginning("reports")
    leader_lock = LeaderLock("reports", using="default")
    assert leader_lock.acquire()
    assert {each.name: each.has_leader for each in status().checkpoints} == {"billing": False, "reports": True}
    assert status().has_worker is False
    leader_lock.release()
    wait_until(lambda: not any(each.has_leader for each in status().checkpoints))


@pytest.mark.parametrize("has_checkpoint", [False, True])
@pytest.mark.parametrize("signals", ["inline", "worker"])
def test_a_worker_is_seen_with_any_sender_of_signals_with_and_without_a_checkpoint(
    signals: str, has_checkpoint: bool, settings: Any
) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = signals
    if has_checkpoint:
        follow_from_the_beginning("projector")
    assert status().has_worker is False
    leader_lock = LeaderLock("projector", using="default")
    assert leader_lock.acquire()
    assert status().has_worker is True
    leader_lock.release()
    wait_until(lambda: status().has_worker is False)


def test_a_log_that_ends_before_a_checkpoint_is_detected() -> None:
    Room.objects.add("room", "channel")
    end = Mark.end("default")
    checkpoints.reset("reports", end, using="default")
    assert checkpoint().log_is_shorter is False
    checkpoints.reset("reports", Mark(Cut(None, end.reached + 1, {})), using="default")
    assert checkpoint().log_is_shorter is True


def test_rolled_back_positions_do_not_make_the_log_shorter() -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        Room.objects.add("room", "channel")
        raise ZeroDivisionError
    checkpoints.reset("reports", Mark.end("default"), using="default")
    found = status()
    assert found.position < Mark.end("default").reached
    assert found.checkpoints[0].log_is_shorter is False


def test_a_disabled_trigger_is_named() -> None:
    name = _name("fold")
    with temporarily(
        f"ALTER TABLE presence_event DISABLE TRIGGER {name}", f"ALTER TABLE presence_event ENABLE TRIGGER {name}"
    ):
        assert status().triggers == (TriggerStatus("presence_event", "fold", "disabled"),)
    assert status().triggers == ()


def test_a_missing_trigger_is_named() -> None:
    name = _name("append_only")
    rename = "ALTER TRIGGER {} ON presence_event RENAME TO {}"
    with temporarily(rename.format(name, "lost"), rename.format("lost", name)):
        assert status().triggers == (TriggerStatus("presence_event", "append_only", "missing"),)


def test_triggers_that_are_switched_off_by_session_replication_role_are_named() -> None:
    name = _name("fold")
    change = f"ALTER TABLE presence_event {{}} TRIGGER {name}"
    with temporarily("SET session_replication_role = replica", "RESET session_replication_role"):
        obstacles = {each.obstacle for each in status().triggers}
        assert obstacles == {"switched off by session_replication_role"}
        all_triggers = len(status().triggers)
        for kind in ("ALWAYS", "REPLICA"):
            with temporarily(change.format(f"ENABLE {kind}"), change.format("ENABLE")):
                assert len(status().triggers) == all_triggers - 1
    with temporarily(change.format("ENABLE REPLICA"), change.format("ENABLE")):
        (found,) = status().triggers
        assert (found.name, found.obstacle) == ("fold", "switched off by session_replication_role")
    with temporarily(change.format("ENABLE ALWAYS"), change.format("ENABLE")):
        assert status().triggers == ()


@pytest.mark.usefixtures("maintained_log")
def test_the_part_with_the_fewest_segments_counts() -> None:
    today = preparing.today("default")
    divide("stays", today + timedelta(days=3), today + timedelta(days=20))
    assert status().prepared_days == 20
    divide("touches", today + timedelta(days=8))
    assert status().prepared_days == 8


@pytest.mark.usefixtures("maintained_log")
def test_a_log_without_segments_is_prepared_for_a_month_and_a_week() -> None:
    write(Stay("room", "channel", None, timezone.now() - timedelta(days=30), last_seen=timezone.now()))
    assert status().prepared_days == 8


def test_many_presences_are_estimated(monkeypatch: pytest.MonkeyPatch, user: Any, other_user: Any) -> None:
    for number, person in enumerate([user, user, other_user, other_user, None]):
        Room.objects.add(f"room-{number % 2}", str(number), person)
    Room.objects.add("empty", "5")
    Room.objects.remove("empty", "5")
    exact = status()
    assert not exact.are_estimates
    monkeypatch.setattr(figures, "MAX_READ", 4)
    assert not status().are_estimates  # there are no statistics
    execute("ANALYZE presence_open_stay")
    estimated = status()
    assert estimated.are_estimates
    for name in ("people", "anonymous", "connections", "rooms", "empty_rooms"):
        assert getattr(estimated, name) == getattr(exact, name)
    monkeypatch.setattr(figures, "MAX_READ", 5)
    assert not status().are_estimates


def test_many_different_users_are_estimated_as_a_share(monkeypatch: pytest.MonkeyPatch, django_user_model: Any) -> None:
    for number in range(9):
        Room.objects.add("room", str(number), django_user_model.objects.create_user(f"user-{number}"))
    execute("ANALYZE presence_open_stay")
    monkeypatch.setattr(figures, "MAX_READ", 8)
    assert (status().are_estimates, status().people, status().connections) == (True, 9, 9)


def test_the_longest_unseen_stay_may_be_on_a_lease() -> None:
    join_leased("process", "room", "leased")
    let_pass(240)
    assert 240 <= status().oldest_unseen < 300  # without a lease, the join counts
    beat("process")
    Room.objects.add("room", "unleased")
    assert status().oldest_unseen < 60
    move_lease("process", -180)
    assert 180 <= status().oldest_unseen < 240
    Presence.objects.touch("leased")
    assert status().oldest_unseen < 60  # the stay was seen after the beat


def test_the_age_of_events_without_a_seal_is_measured(settings: Any) -> None:
    Room.objects.add("room", "1")
    assert status().unsealed is None
    settings.CHANNELS_PRESENCE_SEALS = {}
    let_pass(1000)
    assert 1000 <= (status().unsealed or 0) < 1100
    (problem,) = [text for text in find_problems(status()) if "have no seal" in text]
    assert problem.startswith("Events have no seal for 16 min")
    seal("default")
    assert status().unsealed == 0
    assert not [text for text in find_problems(status()) if "have no seal" in text]


def test_anchors_of_seals_are_shown_and_reported(settings: Any, tmp_path: Path) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {"copy": tmp_path / "missing" / "seals", "directory": tmp_path}
    Room.objects.add("room", "1")
    seal("default")
    with pytest.raises(FileNotFoundError):
        anchors.publish("copy", str(tmp_path / "missing" / "seals"), using="default")
    anchors.publish("directory", str(tmp_path), using="default")
    lines = text.table(status()).splitlines()
    assert any(
        re.fullmatch(r"anchor +'copy' lacks seals for .* s, failing for .* s: FileNot.*", line) for line in lines
    )
    assert any(re.fullmatch(r"anchor +'directory' has all seals", line) for line in lines)
    assert not [problem for problem in find_problems(status()) if "anchor" in problem]

    Anchor.objects.filter(name="copy").update(failing_since=timezone.now() - timedelta(seconds=1000))
    (problem,) = [problem for problem in find_problems(status()) if "anchor" in problem]
    assert problem.startswith("The anchor 'copy' of seals has been failing for 16 min 40 s: FileNotFoundError: ")
    old = StoredSeal.objects.get().seal
    attack("UPDATE presence_seal SET text = %s", old._replace(sealed_at=old.sealed_at - timedelta(seconds=1000)).text)
    Anchor.objects.filter(name="directory").delete()
    Anchor.objects.update(failing_since=None, failure="")
    problems = [problem for problem in find_problems(status()) if "anchor" in problem]
    assert [problem.split(".")[0] for problem in problems] == [
        f"The anchor {name!r} lacks seals for 16 min 40 s" for name in ("copy", "directory")
    ]


def test_the_number_of_queries_does_not_grow(django_assert_num_queries: Any) -> None:
    follow_from_the_beginning("first")
    with django_assert_num_queries(13):
        status()
    for number in range(5):
        Room.objects.add(f"room-{number}", "channel")
        follow_from_the_beginning(f"reader-{number}")
    with django_assert_num_queries(13):
        status()


SHIPPED = [
    sql.read(package, "grants/app").replace(':"role"', "monitor") for package in ("presence_events", "projections")
]
READ = [
    "presence_open_stay",
    "presence_room",
    "presence_event",
    "presence_segment",
    "presence_removal",
    "presence_hold",
    "presence_checkpoint",
    "presence_process",
    "presence_dead_letter",
    "presence_leader",
    "presence_seal",
    "presence_anchor",
]
READING = [f"GRANT SELECT ON {', '.join(READ)} TO monitor"]
WITH_SEQUENCE = [*READING, "GRANT SELECT ON SEQUENCE presence_event_id_seq TO monitor"]


@pytest.mark.parametrize(
    ("grants", "is_shorter"),
    [(SHIPPED, False), (WITH_SEQUENCE, False), (READING, None)],
    ids=["shipped", "reading with the sequence", "reading"],
)
def test_a_role_that_may_read_the_tables_can_run_it(
    grants: list[str], is_shorter: bool | None, user: Any, settings: Any
) -> None:
    settings.CHANNELS_PRESENCE_SEALS = {}
    Room.objects.add("room", "channel", user)
    follow_from_the_beginning()
    leader_lock = LeaderLock("reports", using="default")
    assert leader_lock.acquire()
    execute("CREATE ROLE monitor")
    try:
        for grant in grants:
            execute(grant)
        with temporarily("SET ROLE monitor", "RESET ROLE"):
            found = status()
    finally:
        execute("DROP OWNED BY monitor")
        execute("DROP ROLE monitor")
        leader_lock.release()
    assert (found.people, found.triggers, found.checkpoints[0].lag_events) == (1, (), 1)
    assert found.checkpoints[0].has_leader
    assert found.checkpoints[0].log_is_shorter is is_shorter


HISTORY = """
import django
django.setup()
from presence_events import checkpoints
from presence_events.tail import Mark
from projections.models import Room
checkpoints.reset("reports", Mark.after(0, "default"), using="default")
for channel in "abc":
    Room.objects.add("room", channel)
"""


def test_a_hot_standby_has_a_status_without_the_leader(tmp_path: Path) -> None:
    server = embedded.Postgres(tmp_path, options=("-c", "fsync=off", "-c", "max_connections=20"))
    url = f"postgresql://postgres@/postgres?host={server.home}"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-W", "error", *arguments]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    try:
        server.start()
        run("-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
        run("-c", HISTORY)
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        found = json.loads(run("-m", "django", "presence_status", "--format", "json"))
    finally:
        server.remove()
    assert (found["is_standby"], found["connections"], found["position"]) == (True, 3, 3)
    (only,) = found["checkpoints"]
    assert (only["lag_events"], only["has_leader"], only["log_is_shorter"]) == (3, None, False)
    assert found["has_worker"] is None


def _name(trigger: str) -> str:
    """Returns the name in the database of a trigger of the log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'presence_event'::regclass AND tgname LIKE %s",
            [f"pgtrigger_{trigger}_%"],
        )
        ((name,),) = cursor.fetchall()
    return str(name)
