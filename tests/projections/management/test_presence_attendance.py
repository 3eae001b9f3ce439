"""manage.py presence_attendance."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from projections.attendance import attendance
from projections.attendance.table import Line
from projections.models import Room
from projections.times import local
from tests import clusters
from tests.backdating import Stay, write

pytestmark = pytest.mark.django_db

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = NINE + HOUR
SPAN = (NINE.isoformat(), TEN.isoformat())


def run(*arguments: str, room: str = "lobby", span: tuple[str, str] = SPAN) -> str:
    out = StringIO()
    call_command("presence_attendance", room, *span, *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def lesson(user: Any, other_user: Any) -> Any:
    """Ada came late and was lost, a deleted user was perhaps there, two guests came, and Grace did not."""
    deleted = get_user_model()._default_manager.create(username="deleted")
    active = [(NINE + 20 * MINUTE, {"activity": "idle"}), (NINE + 25 * MINUTE, {"activity": "active"})]
    write(
        Stay("lobby", "a", user, NINE + 5 * MINUTE, NINE + 10 * MINUTE),
        Stay("lobby", "b", user, NINE + 12 * MINUTE, NINE + 40 * MINUTE, "prune", NINE + 35 * MINUTE, changes=active),
        Stay("lobby", "c", deleted, NINE - HOUR, NINE + MINUTE, "prune", NINE - MINUTE),
        Stay("lobby", "d", None, NINE, NINE + 30 * MINUTE),
        Stay("lobby", "e", None, NINE, TEN),
    )
    key = deleted.pk
    deleted.delete()
    return key


def test_it_prints_a_table(lesson: Any, settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    title, numbers, _, head, *rows = run("--expected", "ada", "grace").splitlines()
    assert title == "Attendance of lobby from 2026-03-02 09:00:00 to 2026-03-02 10:00:00, UTC"
    assert numbers == "2 present, 1 of them perhaps; 1 of 2 expected are missing; 2 anonymous stays"
    assert head.split() == ["name", "status", "in", "out", "present", "percent", "stays", "absent", "late", "early"]
    assert [row.split()[-9:] for row in rows] == [
        ["possible", "09:00:00", "09:01:00", "0:00:00-0:01:00", "0-2", "1", "-", "-", "0:59:00"],
        ["present", "09:05:00", "09:40:00", "0:28:00-0:33:00", "47-55", "2", "0:02:00", "0:05:00", "0:20:00"],
        ["missing", "-", "-", "0:00:00", "0", "0", "-", "-", "-"],
        ["anonymous", "09:00:00", "-", "1:00:00", "100", "2", "-", "-", "-"],
    ]
    assert [row.split("  ")[0] for row in rows] == [f"deleted user {lesson}", "ada", "grace", "anonymous"]


def test_columns_are_aligned(lesson: Any) -> None:
    *_, head, first, second, third, fourth = run("--expected", "grace").splitlines()
    where = head.index("status")
    statuses = zip((first, second, third, fourth), ("possible", "present", "missing", "anonymous"), strict=True)
    assert all(line[where:].startswith(status) for line, status in statuses)
    assert not any(line != line.rstrip() for line in (head, first, second, third, fourth))


def test_characters_that_control_a_terminal_are_not_printed(user: Any) -> None:
    get_user_model()._default_manager.filter(pk=user.pk).update(username="a\x1b[2Jda\n")
    write(Stay("lob\x1bby", "a", user, NINE, TEN))
    text = run(room="lob\x1bby")
    assert "\x1b" not in text
    assert len(text.splitlines()) == 5
    assert "a?[2Jda?  present" in text


def test_it_adds_active_times(lesson: Any) -> None:
    *_, head, _, ada, _ = run("--activity").splitlines()
    assert (head.split()[-1], ada.split()[-1]) == ("active", "0:18:00")


def test_it_prints_times_of_several_days_with_their_days(lesson: Any) -> None:
    text = run(span=(NINE.isoformat(), (TEN + 24 * HOUR).isoformat()))
    assert f"{local(NINE + 5 * MINUTE):%Y-%m-%d %H:%M:%S}" in text.splitlines()[-2]


def test_it_says_that_a_room_is_not_known() -> None:
    assert run(room="nowhere").splitlines()[1:] == ["0 present", "The log knows no room of this name."]


def test_it_says_that_the_span_is_not_over(user: Any) -> None:
    Room.objects.add("lobby", "a", user)
    Room.objects.add("lobby", "b")
    start = timezone.now() - MINUTE
    text = run(span=(start.isoformat(), (start + HOUR).isoformat()))
    assert "1 present; 1 anonymous stay\n" in text
    assert "The span is not over: figures are those until " in text


def test_no_name_is_a_formula_in_csv(lesson: Any, user: Any) -> None:
    user.username = "=1+1"
    user.save()
    assert "'=1+1" in {row["name"] for row in csv.DictReader(StringIO(run("--format", "csv")))}
    assert '"name": "=1+1"' in run("--format", "jsonl")


def test_it_prints_csv(lesson: Any, user: Any, other_user: Any) -> None:
    rows = list(csv.DictReader(StringIO(run("--format", "csv", "--expected", "ada", str(other_user.pk)))))
    assert list(rows[0]) == list(Line._fields)
    assert [(row["status"], row["user_id"], row["is_expected"]) for row in rows] == [
        ("possible", str(lesson), "false"),
        ("present", str(user.pk), "true"),
        ("missing", str(other_user.pk), "true"),
        ("anonymous", "", ""),
    ]
    ada = rows[1]
    assert (ada["first_in"], ada["certain"], ada["late"], ada["active"]) == (
        timezone.localtime(NINE + 5 * MINUTE).isoformat(),
        "1680.0",
        "300.0",
        "",
    )
    assert rows[2]["first_in"] == ""


def test_it_prints_json_lines(lesson: Any, user: Any) -> None:
    rows = [json.loads(line) for line in run("--format", "jsonl", "--activity").splitlines()]
    ada = attendance("lobby", NINE, TEN).of(user)
    assert ada is not None
    assert [list(row) for row in rows] == 3 * [list(Line._fields)]
    assert rows[1] == {
        "status": "present",
        "user_id": user.pk if isinstance(user.pk, int) else str(user.pk),
        "name": "ada",
        "is_expected": None,
        "first_in": timezone.localtime(ada.first_in).isoformat(),
        "last_out": timezone.localtime(NINE + 40 * MINUTE).isoformat(),
        "last_seen": timezone.localtime(NINE + 35 * MINUTE).isoformat(),
        "certain": 28 * 60,
        "possible": 33 * 60,
        "stays": 2,
        "longest_absence": 120,
        "late": 300,
        "left_early": 1200,
        "percent_certain": pytest.approx(100 * 28 / 60),
        "percent_possible": 55.0,
        "active": 18 * 60,
    }


def test_names_take_one_query(lesson: Any) -> None:
    with CaptureQueriesContext(connection) as captured:
        run("--format", "csv")
    table = get_user_model()._meta.db_table
    assert len([query for query in captured if table in query["sql"]]) == 1


@pytest.mark.usefixtures("transactional_db")
def test_it_reads_the_database_of_the_room(user: Any, settings: Any) -> None:
    with clusters.databases(settings):
        Room.objects.add("acme-1", "a", user)
        start = timezone.now() - MINUTE
        span = (start.isoformat(), (start + HOUR).isoformat())
        assert "1 present" in run(room="acme-1", span=span)
        assert "0 present" in run("--database", "default", room="acme-1", span=span)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", *SPAN), "Rooms of plain SQL have names"),
        (("lobby", "noon", SPAN[1]), "is not a time"),
        (("lobby", *reversed(SPAN)), "does not come after"),
        (("lobby", SPAN[0], SPAN[0]), "does not come after"),
        (("lobby", "3026-01-01", "3026-01-02"), "is in the future"),
        (("lobby", *SPAN, "--expected", "no such user"), "is not the primary key of a user"),
        (("lobby", *SPAN, "--format", "xml"), "invalid choice"),
    ],
)
def test_bad_arguments_are_refused(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("presence_attendance", *arguments)
