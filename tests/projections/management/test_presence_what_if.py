"""manage.py presence_what_if."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("presence_what_if", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_it_prints_the_stays_that_another_maximal_age_would_have_ended(user: Any) -> None:
    write(
        Stay("a", "1", user, NOON, NOON + timedelta(minutes=10)),
        Stay("b", "2", None, NOON, NOON + timedelta(minutes=1)),
    )
    (row,) = csv.DictReader(StringIO(run("90")))
    assert (row["room"], row["channel_name"], row["user_id"], row["broken_by"]) == ("a", "1", str(user.pk), "leave")
    assert datetime.fromisoformat(row["would_end_at"]) == NOON + timedelta(seconds=90)
    assert run("90", "--room", "b", "--format", "jsonl") == ""


@pytest.mark.parametrize(("stdout", "shows_bar"), [(StringIO(), True), (Terminal(), False)])
def test_there_is_no_bar_on_the_terminal_that_shows_the_rows(stdout: StringIO, shows_bar: bool) -> None:
    write(Stay("a", "1", None, NOON, NOON + timedelta(minutes=10)))
    stderr = Terminal()
    call_command("presence_what_if", "90", stdout=stdout, stderr=stderr)
    assert ("signs of life" in stderr.getvalue()) is shows_bar


@pytest.mark.parametrize(
    ("argument", "message"), [("-1", "Pass an age that is a finite number"), ("long", "invalid float value: 'long'")]
)
def test_bad_input_is_refused_with_a_reason(argument: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(argument)


def test_an_error_exits_with_2() -> None:
    with pytest.raises(CommandError) as error:
        run("-1")
    assert error.value.returncode == 2
