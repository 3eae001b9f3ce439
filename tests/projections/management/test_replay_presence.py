"""manage.py replay_presence."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from presence_events.models import PresenceEvent
from projections.management.commands import replay_presence
from projections.models import Presence
from tests.fold import live
from tests.projections.replay.histories import record_history, tamper

pytestmark = pytest.mark.django_db(transaction=True)

NO_DIFFERENCE = "Rooms and presences match the log.\n"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("replay_presence", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.mark.parametrize("options", [(), ("--check",), ("--dry-run",), ("--room", "a"), ("--database", "default")])
def test_it_reports_that_nothing_differs(user: Any, options: tuple[str, ...]) -> None:
    record_history(user)
    assert run(*options) == NO_DIFFERENCE


def test_it_repairs_the_tables_and_prints_the_differences(user: Any) -> None:
    record_history(user)
    right = live()
    tamper(
        "UPDATE presence_open_stay SET data = '1' WHERE room = 'b'",
        "DELETE FROM presence_open_stay WHERE room = 'gone'",
    )
    stays = {stay.room_id: stay.pk for stay in Presence.objects.all()}
    lost = PresenceEvent.objects.filter(kind="join", room="gone").latest("id").session
    lines = run().splitlines()
    assert lines[0] == f"presence_open_stay {stays['b']}: data is 1 instead of {{'device': 'laptop'}}"
    assert lines[1].startswith(
        f"presence_open_stay {lost} is missing: {{'id': {lost}, 'room': 'gone', 'channel_name': '4', "
    )
    assert re.fullmatch(r"2 rows changed; appends waited for at most 0\.\d\d\d s\.", lines[2])
    assert live() == right


def test_a_check_that_finds_a_difference_exits_with_1_and_changes_nothing(
    user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    record_history(user)
    tamper("DELETE FROM presence_open_stay")
    wrong = live()
    with pytest.raises(SystemExit) as error:
        call_command("replay_presence", "--check")
    assert error.value.code == 1
    out = capsys.readouterr().out
    assert out.count(" is missing: ") == 4
    assert out.endswith("4 rows differ from the log.\n")
    assert live() == wrong


def test_a_dry_run_prints_the_differences_and_changes_nothing(user: Any) -> None:
    record_history(user)
    tamper("DELETE FROM presence_open_stay")
    wrong = live()
    assert run("--dry-run").endswith("4 rows differ from the log.\n")
    assert live() == wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--room", ""), "Pass a room name that is valid"),
        (("--check", "--dry-run"), "not allowed with"),
        (("--database", "other"), "invalid choice"),
        (("--check", "--name", "billing"), "unrecognized arguments: --name billing"),
        (("--name", "projector"), "unrecognized arguments: --name projector"),
    ],
)
def test_bad_input_is_refused_with_a_reason(user: Any, arguments: tuple[str, ...], message: str) -> None:
    record_history(user)
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_a_database_error_exits_with_2(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("it is unavailable")

    monkeypatch.setattr(replay_presence, "repair", fail)
    with pytest.raises(CommandError, match="it is unavailable") as error:
        run()
    assert error.value.returncode == 2
