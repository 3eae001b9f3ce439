"""The command that says whether presence is set up and running."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from django.core.management import call_command
from django.db import connection

from presence_events.models import PresenceEvent
from projections.management import doctor
from projections.models import Presence, Room
from projections.status import status
from projections.testing import age_presences

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str]:
    """Returns the exit status and the output."""
    out = StringIO()
    try:
        call_command("presence_doctor", *arguments, stdout=out, no_color=True)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def problems() -> list[str]:
    code, printed = run()
    found = [line[4:] for line in printed.splitlines() if line.startswith("  - ")]
    assert code == bool(found)
    assert printed.splitlines()[-1] == ("Presence has problems: see above." if found else "Presence is well.")
    return found


def test_without_problems_it_says_what_it_has_tried_and_leaves_no_trace(settings: Any) -> None:
    settings.ASGI_APPLICATION = "tests.projections.management.site_asgi.application"
    code, printed = run("--database", "default")
    assert code == 0
    marks = [line[:7].strip() for line in printed.splitlines() if not line.startswith("  ")]
    assert marks == ["ok"] * len(doctor.EXAMINATIONS) + ["Presenc"]
    for expected in (
        "no findings of the system checks",
        "PostgreSQL 1",
        "a join, a touch and a leave were recorded, and rolled back",
        "1 of 1 delivered a message to a group",
        "tests.projections.management.site_asgi.SiteConsumer",
        "0 connections in 0 rooms",
    ):
        assert expected in printed
    assert not PresenceEvent.objects.exists()
    assert not Room.objects.exists()


def test_it_can_be_run_while_people_are_there(user: Any) -> None:
    Room.objects.add("lobby", "1", user)
    assert problems() == []
    assert "1 connections in 1 rooms" in run()[1]
    assert Presence.objects.get().user == user


def test_a_finding_of_the_system_checks_is_a_problem(settings: Any) -> None:
    settings.CHANNELS_PRESENCE_MAX_AGE = -1
    (found, *_) = problems()
    assert found.startswith("(projections.E003) ")
    assert "Set it to a number of seconds" in found


def test_a_silenced_finding_is_a_note(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {}
    settings.SILENCED_SYSTEM_CHECKS = ["projections.W001"]
    assert "  . 1 are silenced by SILENCED_SYSTEM_CHECKS." in run()[1]
    (found,) = problems()
    assert found.startswith("There is no channel layer")


def test_a_layer_that_delivers_nothing_is_a_problem(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.projections.management.test_presence_doctor.Mute"}}
    monkeypatch.setattr(doctor, "LAYER_TIMEOUT", 0.05)
    (found,) = problems()
    assert found.startswith("No message came through 'default': TimeoutError.")


class Mute(InMemoryChannelLayer):
    async def group_send(self, group: str, message: Any) -> None:
        """Delivers nothing, as a layer on another server than that of the receiver."""


class Foreign(InMemoryChannelLayer):
    closed = 0

    async def group_send(self, group: str, message: Any) -> None:
        await super().group_send(group, {"type": "of.another"})
        await super().group_send(group, message)

    async def close_pools(self) -> None:
        type(self).closed += 1


def test_other_messages_are_passed_over_and_the_connections_of_the_layer_are_closed(settings: Any) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.projections.management.test_presence_doctor.Foreign"}}
    assert problems() == []
    assert Foreign.closed == 1


def test_a_trial_that_changes_nothing_is_a_problem() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
    try:
        found = problems()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
    assert any("disabled" in one for one in found)
    assert len(found) > 1
    assert not PresenceEvent.objects.exists()


def test_recording_without_a_fold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "record", lambda drafts, using: [])
    (found,) = problems()
    assert found.startswith("A join and a leave did not change who is present.")


def test_an_asgi_application_that_cannot_be_imported_is_a_problem(settings: Any) -> None:
    settings.ASGI_APPLICATION = "mysite.nowhere.application"
    (found,) = problems()
    assert found.startswith("ModuleNotFoundError: No module named 'mysite'")


def test_without_consumers_and_processes_it_says_what_that_means(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    del settings.ASGI_APPLICATION
    monkeypatch.setattr(doctor, "_subclasses", lambda mixin: iter(()))
    printed = run()[1]
    assert "none has a presence mixin" in printed
    for note in ("ASGI_APPLICATION is not set", "If you use the decorators", "No server process", "No worker runs"):
        assert f"  . {note}" in printed


def test_with_a_process_and_a_worker_there_is_nothing_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    found = replace(status("default"), processes=2, has_worker=True)
    monkeypatch.setattr(doctor, "status", lambda alias: found)
    code, printed = run()
    assert code == 0
    assert "on 2 server processes" in printed
    assert "No server process" not in printed
    assert "No worker" not in printed


def test_what_presence_status_reports_is_a_problem_too() -> None:
    Room.objects.add("lobby", "1")
    age_presences(3600)
    (found,) = problems()
    assert "prune" in found


def test_with_a_database_that_does_not_answer_the_rest_is_still_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(alias: str) -> Any:
        raise OSError("connection refused\n")

    monkeypatch.setitem(doctor.EXAMINATIONS, "database", refuse)
    assert problems() == ["OSError: connection refused"]
    assert "recorded, and rolled back" in run()[1]
