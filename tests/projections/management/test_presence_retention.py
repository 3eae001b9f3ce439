"""manage.py presence_retention, and the other ways to apply retention."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from presence_events import sql
from presence_events.checks import check_configuration
from presence_events.models import Checkpoint, Hold, Removal, Segment
from presence_events.segments import holds, maintenance
from projections import tasks
from projections._worker.log_maintenance import LogMaintenance
from projections.models import PresenceSession
from projections.replay.repair import compare
from projections.retention import removing
from projections.status import find_problems, status, text
from tests import retention, segments
from tests.projections.replay.histories import record_history

A_DAY = timedelta(days=1)


@pytest.fixture
def end(maintained_log: None, settings: Any, user: Any) -> Iterator[date]:
    """Writes a segment of touches that may go on this day, which is today until the end of the test."""
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": A_DAY}
    record_history(user)
    end = retention.close_now("touches") + A_DAY
    with segments.on(end):
        yield end


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("presence_retention", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def everything() -> list[Any]:
    with connection.cursor() as cursor:
        found = []
        for table in ("segment", "removal", "hold", "baseline", "baseline_stay", "event"):
            cursor.execute(f"SELECT * FROM presence_{table} ORDER BY 1")
            found.append(cursor.fetchall())
    return found


@pytest.mark.usefixtures("end")
def test_a_dry_run_changes_nothing() -> None:
    before = everything()
    lines = run("--dry-run").splitlines()
    assert lines[0].startswith("presence_event_touches_first would be removed: ")
    assert lines[1:] == ["stays: CHANNELS_PRESENCE_RETENTION keeps all."]
    assert everything() == before
    holds.place("case", using="default")
    before = everything()
    assert run("--dry-run").splitlines()[0] == (
        "presence_event_touches_first and later ones stay because of the hold 'case'."
    )
    assert everything() == before


@pytest.mark.usefixtures("end")
def test_it_removes_and_says_so() -> None:
    lines = run().splitlines()
    assert lines[0] == "presence_event_touches_first is removed."
    assert lines[1].startswith("The horizon of touches is ")
    assert run().splitlines()[0] == "Nothing was removed."
    assert compare("default") == []


def test_holds_are_placed_and_released(end: date) -> None:
    assert run("--hold", "case", "--from", "2026-03-01").startswith("The hold 'case' keeps all events of 2026-03-01")
    with pytest.raises(CommandError, match="in force already") as caught:
        run("--hold", "case")
    assert caught.value.returncode == 2
    assert "the hold 'case'" in run()
    assert run("--release", "case") == "The hold 'case' is released.\n"
    assert Hold.objects.get().released_at is not None
    with pytest.raises(CommandError, match="No hold"):
        run("--release", "case")
    with pytest.raises(CommandError, match="belongs to --hold"):
        run("--from", "2026-03-01")


@pytest.mark.usefixtures("end")
def test_the_role_of_the_application_can_read_and_not_remove() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE appender")
        try:
            for package in ("presence_events", "projections"):
                cursor.execute(sql.read(package, "grants/app").replace(':"role"', "appender"))
            cursor.execute("SET ROLE appender")
            for arguments in ((), ("--hold", "case"), ("--release", "case")):
                with pytest.raises(CommandError, match="Run this as the owner"):
                    run(*arguments)
            assert "would be removed" in run("--dry-run")
            cursor.execute("RESET ROLE")
            run()
            cursor.execute("SET ROLE appender")
            assert compare("default") == []
            assert Removal.objects.count() == 1
            assert PresenceSession.objects.count() > 0
            for statement in (
                "INSERT INTO presence_removal DEFAULT VALUES",
                "INSERT INTO presence_hold (name) VALUES ('mine')",
                "UPDATE presence_hold SET released_at = now()",
                "DELETE FROM presence_baseline",
                "UPDATE presence_segment SET state = 'removed'",
            ):
                with pytest.raises(Exception, match="permission denied"):
                    cursor.execute(statement)
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP OWNED BY appender")
            cursor.execute("DROP ROLE appender")


@pytest.mark.usefixtures("end")
def test_the_status_shows_what_is_kept_held_and_removed() -> None:
    run("--hold", "case")
    found = text.table(status())
    assert "for 1 d 0 h, stopped by the hold 'case'" in found
    assert "'case'" in found
    run("--release", "case")
    run()
    found = text.table(status())
    assert "removed up to" in found
    assert "last removal" in found
    assert "presence_event_touches_first" in found


def test_what_is_overdue_is_a_problem_that_names_the_obstacle(end: date, settings: Any) -> None:
    def problems() -> list[str]:
        return [problem for problem in find_problems(status(), max_unseen=1e9) if "longer than" in problem]

    settings.CHANNELS_PRESENCE_RETENTION = {"touches": timedelta()}
    assert problems() == []
    with segments.on(end + A_DAY):
        (problem,) = problems()
        assert "no process removes them. Run manage.py presence_retention" in problem
        run("--hold", "case")
        (problem,) = problems()
        assert "the hold 'case' stops their removal" in problem
        run("--release", "case")
        run()
        assert problems() == []


def test_a_checkpoint_is_not_reset_to_a_position_that_was_removed(end: date) -> None:
    run()
    last = Removal.objects.get().last_id or 0
    out = StringIO()
    with pytest.raises(CommandError, match=f"Got {last - 1}, and the horizon is {last}"):
        call_command("run_projector", "--reset", str(last - 1))
    assert not Checkpoint.objects.exists()
    call_command("run_projector", "--reset", str(last), stdout=out)
    call_command("run_projector", "--reset", "beginning", stdout=out)
    assert f"Events up to position {last} may be removed" in out.getvalue()


def test_the_task_removes(end: date, monkeypatch: pytest.MonkeyPatch) -> None:
    task = pytest.importorskip("celery") and tasks.maintain_log
    monkeypatch.setattr(tasks.maintenance, "maintain", lambda using: None)
    task()
    assert segments.names("touches", state="removed") == ["first"]


@pytest.mark.parametrize("is_set", [True, False])
def test_the_worker_removes_after_its_maintenance(
    end: date, settings: Any, monkeypatch: pytest.MonkeyPatch, is_set: bool
) -> None:
    done = []
    monkeypatch.setattr(maintenance, "maintain", lambda using: done.append("maintained"))
    apply = removing.apply
    monkeypatch.setattr(removing, "apply", lambda using: done.append("removed") or apply(using))
    if not is_set:
        settings.CHANNELS_PRESENCE_RETENTION = None
    job = LogMaintenance("default")
    job.run_if_due()
    job._thread.join()  # type: ignore[union-attr]
    assert ("removed" in done) == is_set
    assert done[0] == "maintained"


@pytest.mark.parametrize(
    ("kept", "is_valid"),
    [
        (None, True),
        ({"touches": A_DAY}, True),
        ({"stays": A_DAY, "touches": timedelta()}, True),
        ({"joins": A_DAY}, False),
        ({"touches": 7}, False),
        ({"touches": -A_DAY}, False),
        (["touches"], False),
    ],
)
def test_the_setting_is_checked(settings: Any, kept: Any, is_valid: bool) -> None:
    settings.CHANNELS_PRESENCE_RETENTION = kept
    assert ("presence_events.E006" not in [message.id for message in check_configuration(None)]) == is_valid


def test_a_dry_run_says_what_the_next_run_completes(end: date) -> None:
    Segment.objects.filter(name="presence_event_touches_first").update(state="leaving")
    assert "presence_event_touches_first is being removed; the next run completes it." in run("--dry-run")
    Segment.objects.filter(name="presence_event_touches_first").update(state="closed")


def test_only_the_owner_restores(end: date, tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reader")
        cursor.execute("SET ROLE reader")
        try:
            with pytest.raises(CommandError, match="as the owner"):
                call_command("presence_archive", "restore", str(tmp_path), "--segment", "presence_event_touches_first")
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE reader")


def test_the_admin_shows_segments_removals_and_holds(end: date, admin_client: Client) -> None:
    run("--hold", "case 7", "--from", str(end + A_DAY))
    run()
    removal, hold = Removal.objects.get(), Hold.objects.get()
    for name, row, shown in (
        ("segment", Segment.objects.get(state="removed"), "removed"),
        ("removal", removal, removal.by),
        ("hold", hold, "case 7"),
    ):
        assert shown in admin_client.get(reverse(f"admin:presence_events_{name}_changelist")).content.decode()
        page = admin_client.get(reverse(f"admin:presence_events_{name}_change", args=[row.pk])).content.decode()
        assert shown in page
        assert 'name="_save"' not in page
