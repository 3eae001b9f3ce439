"""The commands that erase and export a person."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from presence_events.models import PresenceEvent, Removal
from presence_events.segments import holds
from projections.models import Room

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: Any) -> str:
    output = StringIO()
    call_command(*map(str, arguments), stdout=output)
    return output.getvalue()


def test_a_dry_run_changes_nothing(user: Any) -> None:
    Room.objects.add("room", "a", user, {"secret": 1})
    assert run("presence_erase", user.pk, "--dry-run") == (
        "In the database 'default': 1 open stays would end.\n"
        "presence_event_stays_first: 1 events of the person, 0 that name them.\n"
    )
    holds.place("case 7", using="default")
    Removal.objects.create(
        segment="x", part="stays", end_day="2026-01-01", events={}, baseline=1, archive="0" * 64, operator=""
    )
    output = run("presence_erase", user.pk, "--dry-run", "--database", "default")
    assert "It is stopped by the hold 'case 7'." in output
    assert "name the archives with --archive" in output
    assert PresenceEvent.objects.get().data == {"secret": 1}


def test_it_says_what_it_has_erased_and_what_it_cannot_reach(user: Any) -> None:
    Room.objects.add("room", "a", user, {"secret": 1})
    output = run("presence_erase", user.pk)
    assert output.startswith("1 open stays ended.\npresence_event_stays_first: 2 events erased.\nThis is not reached.")
    for place in ("VACUUM FULL", "write-ahead log", "backups", "replicas", "copies of the archive", "exports"):
        assert place in output
    assert "Nothing was left to erase." in run("presence_erase", user.pk)


def test_an_error_has_the_status_of_a_failure(user: Any, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="There is no archive at") as caught:
        run("presence_erase", user.pk, "--archive", tmp_path / "missing")
    assert caught.value.returncode == 2


def test_a_person_is_exported(user: Any, tmp_path: Path) -> None:
    Room.objects.add("room", "a", user, {"secret": 1})
    assert run("presence_export_person", user.pk, tmp_path) == (
        "events: 1 rows\nstays: 1 rows\npresences: 1 rows\nbaseline: 0 rows\nreports: 0 rows\n"
        "schedules: 0 rows\ncorrections: 0 rows\ndead_letters: 0 rows\n"
    )
    assert (tmp_path / "person.json").exists()
