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
from tests.sites import Site

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


CLUB = """
    from django.db import models

    class Topic(models.Model):
        room = models.ForeignKey("projections.Room", null=True, on_delete=models.PROTECT)

    class Fan(models.Model):
        rooms = models.ManyToManyField("projections.Room")

    class Note(models.Model):
        room = models.ForeignKey("projections.Room", db_constraint=False, on_delete=models.DO_NOTHING)

    class Plain(models.Model):
        pass
"""


@pytest.fixture
def club(site: Site) -> Site:
    site.write("club/models.py", CLUB)
    site.configure("club", MIGRATION_MODULES={"club": None}, SILENCED_SYSTEM_CHECKS=["projections.W005"])
    site.run("""
        from django.core.management import call_command
        call_command("migrate", verbosity=0)
        call_command("migrate", verbosity=0, run_syncdb=True)
    """)
    return site


def test_a_dump_names_the_models_whose_rows_refer_to_what_it_leaves_out(club: Site) -> None:
    printed = club.run("""
        import json
        from io import StringIO
        from django.core.management import call_command

        printed = []
        for labels, options in (
            ((), {}),
            (("club",), {}),
            (("club.FAN", "auth"), {}),
            (("auth", "club.plain", "club.Note"), {}),
            ((), {"exclude": ["club.Fan"]}),
            ((), {"exclude": ["club"]}),
            ((), {"exclude": ["club.Fan", "club.Topic"]}),
            (("club",), {"verbosity": 0}),
        ):
            error = StringIO()
            call_command("dumpdata", *labels, stdout=StringIO(), stderr=error, no_color=True, **options)
            printed.append(error.getvalue().strip())
        print(json.dumps(printed))
    """)
    rest = "that refer to them. Leave these out as well ({}), or set db_constraint=False on their fields."
    both, fan, topic = (
        f"The dump leaves rooms and presences out, so loaddata refuses rows of {', '.join(names)} "
        + rest.format(" ".join(f"--exclude {name}" for name in names))
        for names in (["club.Fan", "club.Topic"], ["club.Fan"], ["club.Topic"])
    )
    assert json.loads(printed) == [both, both, fan, "", topic, "", "", ""]


def test_rows_that_refer_to_rooms_without_a_constraint_can_be_loaded(club: Site) -> None:
    printed = club.run("""
        from django.core.management import call_command
        from django.db import IntegrityError
        from club.models import Note, Topic
        from projections.models import Room

        room = Room.objects.add("lobby", "tab")
        Note.objects.create(room=room)
        Topic.objects.create(room=room)
        call_command("dumpdata", "club.note", output="notes.json", verbosity=0)
        call_command("dumpdata", "club.topic", output="topics.json", verbosity=0)
        for model in (Note, Topic):
            model.objects.all().delete()
        Room.objects.remove("lobby", "tab")
        Room.objects.prune_rooms()
        call_command("loaddata", "notes.json", verbosity=0)
        print(list(Note.objects.values_list("room_id", flat=True)))
        try:
            call_command("loaddata", "topics.json", verbosity=0)
        except IntegrityError:
            print("refused")
    """)
    assert printed.splitlines() == ["['lobby']", "refused"]
