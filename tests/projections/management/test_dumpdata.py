"""manage.py dumpdata leaves presence out, and loaddata takes everything that it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from presence_events.models import PresenceEvent
from projections.models import Presence, Room

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_dump_of_everything_can_be_loaded(user: Any, tmp_path: Path) -> None:
    Room.objects.add("lobby", "tab", user)
    file = tmp_path / "everything.json"
    call_command("dumpdata", output=str(file), verbosity=0)
    apps = {row["model"].partition(".")[0] for row in json.loads(file.read_text())}
    assert "contenttypes" in apps
    assert not apps & {"presence_events", "projections"}
    user.delete()
    call_command("loaddata", str(file), verbosity=0)
    assert get_user_model().objects.get().username == "ada"
    assert PresenceEvent.objects.count() == 2


def test_a_dump_of_other_apps_is_as_before(user: Any, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("dumpdata", get_user_model()._meta.label, exclude=["sessions"])
    (row,) = json.loads(capsys.readouterr().out)
    assert row["fields"]["username"] == "ada"


@pytest.mark.parametrize("label", ["presence_events", "projections", "projections.Presence"])
def test_a_dump_of_presence_is_refused(label: str) -> None:
    with pytest.raises(CommandError, match=f"cannot dump {label}: .* Use pg_dump"):
        call_command("dumpdata", "auth", label)


@pytest.mark.parametrize(
    "row",
    [
        {"model": "presence_events.presenceevent", "pk": 1, "fields": {"kind": "join", "room": "a", "tx": 1}},
        {"model": "projections.room", "pk": "lobby", "fields": {"created_at": "2026-01-01T00:00:00Z"}},
    ],
)
def test_loaddata_refuses_rows_of_presence(row: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "presence.json"
    file.write_text(json.dumps([row]))
    Room.objects.add("lobby", "tab")
    with pytest.raises(IntegrityError):
        call_command("loaddata", str(file), verbosity=0)
    assert (PresenceEvent.objects.count(), Presence.objects.count()) == (1, 1)
