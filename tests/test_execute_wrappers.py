"""Wrappers of `connection.execute_wrapper` that add parameters to statements, as pgtrigger and instrumentation do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pgtrigger
import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from presence_events.checkpoints import Reader
from presence_events.processes import registry
from presence_events.recorder import Draft, record
from projections._live.verdict import find_endings
from projections._worker.dead_servers import DeadServerDetector
from projections.models import Presence, PresenceSession, Room
from projections.status import status
from projections.testing import age_presences
from tests.fold import assert_live_is_the_fold

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parent.parent


def in_front(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
    """Puts a statement in front of each statement, as `pgtrigger.schema` does."""
    result = execute(f"SELECT set_config('tests.in_front', %s, false); {text}", ["x", *(params or ())], many, context)
    while context["cursor"].nextset():
        pass
    return result


def at_the_end(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
    """Adds a comment, as instrumentation does."""
    return execute(f"{text} /* %s */", (*(params or ()), "x"), many, context)


@pytest.fixture(params=["in front", "at the end", "pgtrigger.ignore"])
def _wrapped(request: pytest.FixtureRequest, user: Any) -> Iterator[None]:
    """All statements of the test get a parameter. There is a room with a connection of ``user``."""
    Room.objects.add("room", "channel", user, {"a": 1})
    if request.param == "pgtrigger.ignore":
        with pgtrigger.ignore("presence_events.PresenceEvent:append_only"):
            yield
    else:
        with connection.execute_wrapper(in_front if request.param == "in front" else at_the_end):
            yield
    assert_live_is_the_fold()


def run(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out, stderr=StringIO())
    return out.getvalue()


OPERATIONS: list[Callable[[Any], Any]] = []


def operation(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    OPERATIONS.append(call)
    return call


@operation
def joins_and_leaves(user: Any) -> None:
    Room.objects.add("other", "channel", user, {"percent": "%s %(x)s 100%"})
    Room.objects.add("room", "channel")
    assert Presence.objects.get(room="room").user is None
    Room.objects.remove("room", "channel")
    assert Presence.objects.get().data == {"percent": "%s %(x)s 100%"}
    assert Presence.objects.leave_all("channel") == 1


@operation
def touches(user: Any) -> None:
    assert Presence.objects.touch("channel") == 1
    assert Presence.objects.touch("channel", {"a": "%s"}) == 1
    assert Presence.objects.get().data == {"a": "%s"}


@operation
def drafts(user: Any) -> None:
    events = record([Draft("touch", "room", "channel"), Draft("leave", "room", "channel")])
    assert [event.kind for event in events] == ["touch", "leave"]
    assert len(record([Draft("prune", "room", None)])) == 1


@operation
def prunes(user: Any) -> None:
    assert Room.objects.get().prune_presences(0) == 1
    assert Room.objects.prune_presences(60) == 0
    assert Room.objects.prune_rooms() == 1


@operation
def the_deletion_of_a_user(user: Any) -> None:
    user.delete()
    assert not Presence.objects.exists()


@operation
def dead_servers(user: Any) -> None:
    registration = registry.Registration("default", may_claim=True)
    assert registration.beat()
    detector = DeadServerDetector("default")
    for _ in range(registry.CHECKS_UNTIL_DEAD + 1):
        detector.check()


@operation
def endings(user: Any) -> None:
    Presence.objects.leave_all("channel")
    (ending,) = find_endings([("room", "channel")], 60, "default").values()
    assert ending.kind == "leave"


@operation
def readers_of_the_log(user: Any) -> None:
    reader = Reader("reports", using="default")
    Presence.objects.touch("channel", {"a": 2})
    Presence.objects.leave_all("channel")
    assert [event.kind for event in reader.read(10)] == ["touch", "leave"]
    reader.advance()
    reader.store()


@operation
def the_worker(user: Any) -> None:
    run("run_projector", "--once", "--prune")
    run("run_projector", "--reset", "end")


@operation
def the_status(user: Any) -> None:
    assert status().triggers == ()
    assert "triggers        fine" in run("presence_status")


@operation
def the_checks(user: Any) -> None:
    run("check", "--database", "default")


@operation
def replay(user: Any) -> None:
    run("replay_presence", "--check")
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE presence_open_stay SET data = '2'")
        cursor.execute("RESET session_replication_role")
    run("replay_presence")
    assert Presence.objects.get().data == {"a": 1}


@operation
def the_past(user: Any) -> None:
    assert PresenceSession.objects.in_room("room").count() == 1
    assert "channel" in run("presence_at", "1")
    run("presence_what_if", "60")
    run("presence_resend", "..")
    run("export_presence", "sessions")
    run("export_presence", "events", "--from", "2026-01-01")


@operation
def the_archive(user: Any) -> None:
    with TemporaryDirectory() as directory:
        run("presence_archive", "write", directory, "--from", "2026-01-01", "--to", "2026-01-02")
        assert "no problems" in run("presence_archive", "verify", directory, "--database", "default")


@operation
def the_admin(user: Any) -> None:
    user.is_staff = user.is_superuser = True
    user.save()
    client = Client()
    client.force_login(user)
    for page in ("presenceevent/", "presenceevent/?room=room"):
        assert client.get(f"/admin/presence_events/{page}").status_code == 200
    for page in ("room/", "presence/", "presencesession/"):
        assert client.get(f"/admin/projections/{page}").status_code == 200
    timeline = client.get("/admin/projections/timeline/", {"user": user.pk}, follow=True)
    assert timeline.status_code == 200


@operation
def aged_presences(user: Any) -> None:
    assert age_presences(100) == 1


@pytest.mark.parametrize("call", OPERATIONS, ids=lambda call: call.__name__)
def test_statements_accept_parameters_of_wrappers(call: Callable[[Any], Any], _wrapped: None, user: Any) -> None:  # noqa: PT019
    call(user)


def test_parameters_in_the_sql_files_are_not_in_comments() -> None:
    """PostgreSQL would not see them, but the driver counts them."""
    wrong = [
        str(path)
        for package in ("presence_events", "projections")
        for path in (ROOT / package / "sql" / "queries").rglob("*.sql")
        if re.search(r"--.*%", path.read_text())
    ]
    assert wrong == []


def test_a_percent_sign_is_written_twice_where_there_are_parameters() -> None:
    wrong = []
    for package in ("presence_events", "projections"):
        for path in (ROOT / package / "sql" / "queries").rglob("*.sql"):
            text = path.read_text()
            if "%(" in text and re.search(r"%(?!\(\w+\)s|%)(?<!%%)", text):
                wrong.append(str(path))
    assert wrong == []
