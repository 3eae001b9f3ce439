"""The effects of the installed app, and the errors of a project with missing apps."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from tests.fold import assert_live_is_the_fold


@pytest.mark.django_db(transaction=True)
def test_a_deleted_user_leaves_every_room_first(user: Any, other_user: Any, signals: list[dict[str, Any]]) -> None:
    key = user.pk
    for room, channel, person in [("a", "1", user), ("b", "2", user), ("a", "3", other_user)]:
        Room.objects.add(room, channel, person)
    signals.clear()
    user.delete()
    assert list(Presence.objects.values_list("channel_name", flat=True)) == ["3"]
    leaves = PresenceEvent.objects.filter(kind="leave")
    assert [(leave.room, leave.user_id, leave.data) for leave in leaves] == [
        ("a", key, {"reason": "user deleted"}),
        ("b", key, {"reason": "user deleted"}),
    ]
    assert [(signal["removed"].user.username, signal["removed"].user.pk) for signal in signals] == [("ada", key)] * 2
    assert_live_is_the_fold()


@pytest.mark.django_db(transaction=True)
def test_users_deleted_by_a_query_leave_every_room(user: Any, other_user: Any, django_user_model: Any) -> None:
    for person in (user, other_user):
        Room.objects.add("room", person.username, person)
    django_user_model.objects.all().delete()
    assert not Presence.objects.exists()
    assert PresenceEvent.objects.exclude(user_id=None).count() == 4


def _start(apps: str, settings: str = "") -> subprocess.CompletedProcess[str]:
    """Starts a project with these INSTALLED_APPS and runs its system checks."""
    program = f"""
        import django
        from django.conf import settings
        settings.configure(
            INSTALLED_APPS={apps},
            DATABASES={{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}}},
            CHANNEL_LAYERS={{"default": {{"BACKEND": "channels.layers.InMemoryChannelLayer"}}}},
            {settings}
        )
        django.setup()
        from django.core.management import call_command
        call_command("check")
    """
    return subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)


BASE = ["django.contrib.auth", "django.contrib.contenttypes"]


def test_a_complete_project_passes_its_checks() -> None:
    done = _start(str([*BASE, "pgtrigger", "presence_events", "projections"]))
    assert done.returncode == 0, done.stderr


def test_the_log_without_the_projections_is_reported_by_a_check() -> None:
    done = _start(str([*BASE, "pgtrigger", "presence_events"]))
    assert "(presence_events.E005)" in done.stderr
    assert "1 issue" in done.stderr
    assert "Add 'projections' to INSTALLED_APPS" in done.stderr


def test_projections_without_the_log_are_an_error_that_names_the_missing_apps() -> None:
    done = _start(str([*BASE, "pgtrigger", "projections"]))
    assert "(projections.E001)" in done.stderr
    assert "Add 'pgtrigger' and 'presence_events' to INSTALLED_APPS" in done.stderr


def test_a_missing_pgtrigger_is_reported_by_a_check() -> None:
    done = _start(str([*BASE, "presence_events", "projections"]))
    assert "(presence_events.E002)" in done.stderr


def test_apps_in_the_wrong_order_are_reported_by_a_check() -> None:
    done = _start(str([*BASE, "pgtrigger", "projections", "presence_events"]))
    assert "(projections.E002)" in done.stderr


def test_a_disabled_pgtrigger_is_reported_by_a_check() -> None:
    done = _start(str([*BASE, "pgtrigger", "presence_events", "projections"]), "PGTRIGGER_MODEL_META=False,")
    assert "(presence_events.E003)" in done.stderr
