"""The command that prints how presence is doing: its output, its problems and its exit status."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from presence_events import checkpoints
from presence_events.models import Checkpoint
from presence_events.tail import Cut, Mark
from projections import metrics
from projections._worker.leader_lock import LeaderLock
from projections.management.commands import presence_status
from projections.models import DeadLetter, Room
from projections.status import COUNTED
from projections.testing import age_presences
from tests.backdating import Stay, write
from tests.projections.test_metrics import HOSTILE, KNOWN

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str, list[str]]:
    """Returns the exit status, the standard output, and the problems."""
    out, err = StringIO(), StringIO()
    try:
        call_command("presence_status", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue(), err.getvalue().splitlines()
    return 0, out.getvalue(), err.getvalue().splitlines()


def problems(*arguments: str) -> list[str]:
    code, _, found = run(*arguments)
    assert code == bool(found)
    return found


def dead_letters(count: int, worker: str = "projector") -> None:
    for position in range(1, count + 1):
        DeadLetter.objects.create(worker=worker, receiver="r", first=position, last=position, tries=3, error="e")


def execute_statement(problem: str) -> None:
    """Executes the statement at the end of ``problem``."""
    with connection.cursor() as cursor:
        cursor.execute(problem[problem.index("DELETE FROM ") :])


def fall_behind(seconds: float, name: str = "projector") -> None:
    write(Stay("room", "channel", None, timezone.now() - timedelta(seconds=seconds), last_seen=timezone.now()))
    checkpoints.reset(name, Mark.after(0, "default"), using="default")


def test_an_empty_database_has_no_problems() -> None:
    code, printed, found = run("--database", "default")
    assert (code, found) == (0, [])
    assert "triggers        fine\n" in printed


def test_it_prints_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    known = replace(KNOWN, oldest_stay=100_000, oldest_unseen=100, dead_letters=COUNTED)
    monkeypatch.setattr(presence_status, "status", lambda using: known)
    code, printed, _ = run()
    assert code == 1
    assert printed.splitlines() == [
        "people          1",
        "connections     4, 2 of them anonymous",
        "rooms           5, 3 of them empty",
        "longest stay    1 d 3 h",
        "longest unseen  1 min 40 s",
        "events          20,000,000,001, 6.5/s in the last minute",
        "segments        prepared for 61 days",
        "servers         7 alive",
        "triggers        fold on presence_event disabled",
        "dead letters    100,000 or more",
        "signals         worker",
        "worker          running",
        f"checkpoint      {HOSTILE!r} is at least 100,000 events and 1 min 1 s behind, not followed",
        "checkpoint      'projector' is 0 events and 0.0 s behind, followed",
        "unsealed        for 7.5 s",
        "anchor          'copy' has all seals",
        f"anchor          {HOSTILE!r} lacks seals for 30.5 s, failing for 12.0 s: OSError: full",
        "database        primary, at 2026-03-01 09:00:00 UTC",
    ]


def test_on_a_standby_it_names_what_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    only = replace(KNOWN.checkpoints[1], lag_events=1, lag_seconds=0.5, has_leader=None)
    known = replace(KNOWN, is_standby=True, has_worker=None, triggers=(), dead_letters=0, checkpoints=(only,))
    monkeypatch.setattr(presence_status, "status", lambda using: known)
    code, printed, found = run()
    assert (code, found) == (0, [])
    assert "worker          known on the primary only\n" in printed
    assert "1 event and 0.5 s behind, its leader is known on the primary only" in printed
    assert "hot standby, at " in printed
    assert "longest stay    2 h 0 min\n" in printed


def test_json_contains_every_figure_and_the_problems() -> None:
    Room.objects.add("room", "channel")
    dead_letters(1)
    checkpoints.reset(HOSTILE, Mark.end("default"), using="default")
    code, printed, found = run("--format", "json")
    read = json.loads(printed)
    assert (code, read["connections"], read["dead_letters"], read["triggers"]) == (1, 1, 1, [])
    assert read["checkpoints"][0]["name"] == HOSTILE
    assert read["has_worker"] is False
    assert read["problems"] == found


def test_openmetrics_can_be_parsed() -> None:
    Room.objects.add("room", "channel")
    code, printed, _ = run("--format", "openmetrics")
    families = {family.name: family for family in text_string_to_metric_families(printed)}
    assert (code, families["presence_connections"].samples[0].value) == (0, 1)


def test_openmetrics_without_prometheus_client_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "core", None)
    with pytest.raises(CommandError, match=r'pip install "django-presence-events\[prometheus\]"') as error:
        run("--format", "openmetrics")
    assert error.value.returncode == 2
    assert run()[0] == 0


def test_an_event_that_waits_too_long_is_a_problem() -> None:
    fall_behind(100, HOSTILE)
    (found,) = problems("--no-leader")
    assert found.startswith(f"The checkpoint {HOSTILE!r} is 1 event and 1 min 4")
    assert problems("--no-leader", "--max-lag", "1000") == []


def test_a_checkpoint_of_the_worker_is_not_shown_if_it_sends_no_signals() -> None:
    fall_behind(100, "projector")
    assert problems() == []
    assert "checkpoint" not in run()[1]
    assert "projector" not in run("--format", "openmetrics")[1]


def test_a_missing_worker_is_not_a_problem_if_it_sends_no_signals() -> None:
    code, printed, _ = run()
    assert code == 0
    assert "worker          not running\n" in printed


@pytest.mark.parametrize("signals", ["wroker", None])
def test_an_unknown_sender_of_signals_is_a_problem(signals: Any, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = signals
    (found,) = problems()
    assert found.startswith(f"CHANNELS_PRESENCE_SIGNALS is {signals!r}, so no signals are sent. ")


UNREADABLE = ["{}", "null", "[]", '"mark"', "[[null, 1, []], null, 1e400, 0]", f"[[null, {10**20}, []], null, 0, 0]"]


@pytest.mark.parametrize("stored", [*UNREADABLE, f"[[null, {'9' * 5000}, []], null, 0, 0]", "[" * 2000 + "]" * 2000])
def test_a_checkpoint_that_stores_no_mark_is_a_problem_and_hides_no_other(stored: str) -> None:
    """The role of the application may write any JSON into a checkpoint."""
    fall_behind(100, "another")
    checkpoints.reset("reports", Mark(Cut(None, 0, {})), using="default")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE presence_checkpoint SET mark = %s WHERE name = 'reports'", [stored])
    another, found = problems()
    assert another.startswith("No worker follows the log from the checkpoint 'another'")
    assert found.startswith("The checkpoint 'reports' stores something that is not a mark")
    assert "manage.py run_projector --name reports --reset end" in found
    assert "'reports' is not readable, not followed" in run("--no-leader")[1]
    assert 'presence_lag_events{checkpoint="reports"}' not in run("--format", "openmetrics")[1]
    call_command("run_projector", "--name", "reports", "--reset", "end", stdout=StringIO())
    assert len(problems()) == 2


def test_a_log_that_ends_before_a_checkpoint_is_a_separate_problem() -> None:
    checkpoints.reset("reports", Mark(Cut(None, 10**9, {})), using="default")
    (found,) = problems("--no-leader")
    assert found.startswith("The log ends before the checkpoint 'reports'")
    assert "manage.py run_projector --name reports --reset end" in found
    assert problems() == [found]


NAMES = [
    "reports",
    "two words",
    "it's",
    "back\\slash",
    "$(exit 1)",
    "-x",
    "umläut",
    HOSTILE,
    "\u202e\t'\\",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_command_and_the_statement_can_be_pasted(name: str) -> None:
    checkpoints.reset("other", Mark.end("default"), using="default")
    checkpoints.reset(name, Mark.end("default"), using="default")
    dead_letters(2, name)
    _, found, letters = sorted(problems(), key=lambda each: (each.startswith("Dead"), repr(name) in each))
    start_command = found[
        found.index("manage.py run_projector ") : found.index(". If the checkpoint is no longer needed, ")
    ]
    resend_command = letters[letters.index("manage.py presence_resend ") : letters.index(", and execute as the owner")]
    for command in (start_command, resend_command):
        words = subprocess.run(
            ["bash", "-c", f"printf '%s\\0' {command}"],
            env={"LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split("\0")[:-1]
        assert "=".join(words).endswith(f"--name={name}")
    execute_statement(found)
    assert [each.name for each in Checkpoint.objects.all()] == ["other"]
    execute_statement(letters)
    assert not DeadLetter.objects.exists()


def test_the_statement_does_not_delete_later_letters() -> None:
    dead_letters(2)
    (found,) = problems()
    dead_letters(1)
    execute_statement(found)
    assert DeadLetter.objects.count() == 1


def test_dead_letters_name_their_workers_and_how_to_send_them_again() -> None:
    dead_letters(1, "billing")
    dead_letters(2)
    (found,) = problems()
    assert found.startswith("Dead letters: 3, of 'billing', 'projector'. ")
    commands = "manage.py presence_resend FROM..TO"
    assert f" with {commands} --name billing and {commands}, and execute " in found


def test_a_silent_connection_that_is_not_pruned_is_a_problem(settings: Any) -> None:
    Room.objects.add("room", "channel")
    age_presences(200)
    assert problems() == []
    settings.CHANNELS_PRESENCE_MAX_AGE = 20
    (found,) = problems()
    assert "last seen 3 min 20 s ago: pruning is not running" in found
    assert problems("--max-unseen", "300") == []


def test_a_dead_letter_is_a_problem() -> None:
    dead_letters(2)
    (found,) = problems()
    assert found.startswith("Dead letters: 2, of 'projector'. ")
    assert problems("--max-dead-letters", "1") == [found]
    assert problems("--max-dead-letters", "2") == []


@pytest.mark.parametrize(
    ("obstacle", "remedy"),
    [
        ("missing", "pgtrigger install"),
        ("disabled", "pgtrigger enable"),
        ("switched off by session_replication_role", "Remove that setting"),
    ],
)
def test_a_trigger_that_does_not_fire_is_a_problem(obstacle: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = replace(KNOWN.triggers[0], obstacle=obstacle)
    known = replace(KNOWN, triggers=(broken,), checkpoints=(), dead_letters=0, signals="inline")
    monkeypatch.setattr(presence_status, "status", lambda using: known)
    (found,) = problems()
    assert found.startswith(f"The trigger fold on presence_event is {obstacle}. ")
    assert remedy in found


def test_a_disabled_trigger_is_found() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_open_stay DISABLE TRIGGER USER")
        try:
            assert len(problems()) == 3
        finally:
            cursor.execute("ALTER TABLE presence_open_stay ENABLE TRIGGER USER")
    assert problems() == []


def test_a_worker_that_never_ran_is_a_problem_if_it_sends_the_signals(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = "worker"
    (found,) = problems()
    assert found.startswith("No worker has followed the log yet")
    assert problems("--no-leader") == []


@pytest.mark.parametrize(
    ("name", "signals", "option"), [("projector", "worker", ""), ("reports", "inline", " --name reports")]
)
def test_a_checkpoint_without_a_leader_is_a_problem(name: str, signals: str, option: str, settings: Any) -> None:
    settings.CHANNELS_PRESENCE_SIGNALS = signals
    checkpoints.reset(name, Mark.end("default"), using="default")
    (found,) = problems()
    assert found.startswith(f"No worker follows the log from the checkpoint {name!r}, which is 0 events")
    assert f" Start manage.py run_projector{option}. If " in found
    assert problems("--no-leader") == []
    leader_lock = LeaderLock(name, using="default")
    assert leader_lock.acquire()
    assert problems() == []
    leader_lock.release()


def test_several_problems_are_several_lines() -> None:
    fall_behind(100, "reports")
    dead_letters(1)
    assert len(problems()) == 2


def test_an_unknown_status_has_an_exit_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(using: str) -> None:
        raise ValueError("unknown")

    monkeypatch.setattr(presence_status, "status", fail)
    with pytest.raises(CommandError, match=r"^ValueError: unknown") as error:
        run()
    assert error.value.returncode == 2


def test_an_unavailable_database_has_the_exit_status_of_an_unknown_status(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    with monkeypatch.context() as unavailable, pytest.raises(CommandError, match=r"^OperationalError: ") as error:
        unavailable.setitem(connection.settings_dict, "HOST", "/nowhere")
        run()
    assert error.value.returncode == 2


def test_for_missing_tables_it_recommends_migrate() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_process RENAME TO presence_renamed")
        try:
            with pytest.raises(CommandError, match=r"or some of them\. Run manage\.py migrate\.$") as error:
                run()
        finally:
            cursor.execute("ALTER TABLE presence_renamed RENAME TO presence_process")
    assert error.value.returncode == 2


def test_other_database_errors_are_shown_unchanged() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_process RENAME COLUMN seen_at TO renamed_at")
        try:
            with pytest.raises(CommandError, match=r"^ProgrammingError: .*seen_at") as error:
                run()
        finally:
            cursor.execute("ALTER TABLE presence_process RENAME COLUMN renamed_at TO seen_at")
    assert error.value.returncode == 2
