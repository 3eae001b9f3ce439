"""The answers of the pages about attendance are true of the history in docs/howto/reports-people.md."""

from __future__ import annotations

import doctest
import re
import shlex
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.template import Context, Template
from django.utils import timezone

from projections.attendance import aattendance
from projections.final_reports.making import make_due_reports
from projections.final_reports.reading import stored_sheet
from projections.rosters import Roster
from projections.signals import attendance_report_made
from tests.docs import pages
from tests.docs.pages import blocks, text_of
from tests.docs.test_reporting import _moment, _rows, _run, history, people
from tests.projections.rosters.pages import Page, new_user, roster_of
from tests.waiting import until

PAGES = ("docs/howto/attendance.md", "docs/howto/attendance-pages.md", "docs/howto/final-reports.md")
NINE, TEN = _moment("2024-03-04 09:00:00"), _moment("2024-03-04 10:00:00")

__all__ = ["history", "people"]


@pytest.mark.django_db
@pytest.mark.usefixtures("history")
def test_each_question_is_answered_by_one_call(people: dict[str, Any]) -> None:
    team = get_user_model()._default_manager.order_by("username")
    names = {**people, "team": team, "nine": NINE, "ten": TEN}
    examples = "".join(blocks(PAGES, "pycon"))
    test = doctest.DocTestParser().get_doctest(examples, names, "attendance", None, 0)
    output = StringIO()
    results = doctest.DocTestRunner().run(test, out=output.write)
    assert results.failed == 0, output.getvalue()
    assert results.attempted == 6
    questions = re.findall(r"^\*\*(.*\?)\*\*", text_of(*PAGES), re.MULTILINE)
    assert questions == ["Was Alice there?", "For how long?", "Who missed it?", "How certain is that?"]


@pytest.mark.django_db
@pytest.mark.usefixtures("history")
def test_the_query_returns_the_answer_below_it() -> None:
    (query,) = blocks(PAGES, "sql")
    _, _, after = text_of(*PAGES).partition("```sql\n")
    users = get_user_model()._meta.db_table
    assert _run(query.strip().rstrip(";").replace("auth_user", users)) == _rows(after)


@pytest.mark.django_db
@pytest.mark.usefixtures("history")
def test_the_command_prints_what_the_page_shows(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    (command,), (shown,) = blocks(PAGES, "console"), blocks(PAGES, "text")
    _, _, *arguments = shlex.split(command.replace("\\\n", ""))
    out = StringIO()
    call_command(*arguments, stdout=out)
    printed, lines = out.getvalue().splitlines(), shown.splitlines()
    assert printed[:4] == lines[:4]
    # Alice and Bob came at the same time. Their order is that of their keys, which are random if they are UUIDs.
    assert sorted(printed) == sorted(lines)


@pytest.mark.django_db
@pytest.mark.usefixtures("history")
def test_functions_say_who_is_expected(people: dict[str, Any]) -> None:
    namespace = run()
    planning = Group.objects.create(name="planning")
    for name in ("carol", "erin", "frank"):
        people[name].groups.add(planning)
    assert set(namespace["absentees"]("planning", NINE, TEN)) == {people["erin"], people["frank"]}
    assert namespace["absentees"]("unknown", NINE, TEN) is None
    assert set(namespace["latecomers"]("planning")) == {people["carol"], people["erin"], people["frank"]}


@pytest.mark.django_db(transaction=True)
async def test_the_consumer_reports_activity_and_its_page_who_is_missing() -> None:
    namespace = await sync_to_async(run)()
    ada, bo = await new_user("ada"), await new_user("bo")
    lesson = roster_of(namespace["LessonConsumer"], Roster(grace=0, data=True))
    page = await Page(lesson, ada, "math-1").open()
    pupils = [str(ada.pk), str(bo.pk)]
    assert page.client.missing(pupils) == [str(bo.pk)]
    await page.socket.send_json_to({"type": "presence.activity", "room": "math-1", "activity": "idle"})
    await until(lambda: page.client.members[str(ada.pk)]["connections"][0]["data"] == {"activity": "idle"})
    await page.close()
    now = timezone.now()
    report = await aattendance("math-1", now - timedelta(hours=1), now + timedelta(hours=1), activity=True)
    figures = report.of(ada)
    assert figures is not None
    assert figures.active is not None
    assert figures.active < figures.certain


def test_the_page_of_a_lesson_has_the_names() -> None:
    (html,) = blocks(PAGES, "html")
    shown = Template(html).render(Context({"pupils": {"7": "Ada </script>"}}))
    assert '<script id="pupils" type="application/json">{"7": "Ada \\u003C/script\\u003E"}</script>' in shown
    assert "projections/roster.js" in shown


@pytest.mark.django_db(transaction=True)
def test_a_scheduled_lesson_becomes_a_report_that_teachers_are_told_of(
    django_user_model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    namespace = run()
    pupil = django_user_model.objects.create_user("pupil")
    pupil.groups.add(Group.objects.create(name="math-1"))
    schedule = namespace["schedule_lesson"]("math-1", "Fractions", NINE, TEN)
    assert schedule.expected == [str(pupil.pk)]
    attendance_report_made.connect(namespace["tell_teachers"])
    try:
        with caplog.at_level("INFO", "mysite"):
            assert make_due_reports("default") == 1
    finally:
        attendance_report_made.disconnect(namespace["tell_teachers"])
    assert caplog.messages == ["Fractions: 1 people"]
    (row,) = stored_sheet(schedule.report).rows
    assert (row.name, row.status) == ("pupil", "missing")


@pytest.mark.django_db
def test_teachers_of_a_room_see_its_pupils(django_user_model: Any) -> None:
    visible = run()["visible_attendance"]
    teacher, pupil = (django_user_model.objects.create_user(name) for name in ("teacher", "pupil"))
    teacher.groups.add(Group.objects.create(name="teachers of math-1"))
    pupil.groups.add(Group.objects.create(name="math-1"))
    assert list(visible(teacher, "math-1")) == [pupil]
    assert visible(teacher, "math-2") is False
    assert visible(pupil, "math-1") is False


def run() -> dict[str, Any]:
    """Runs the Python code of the pages. Returns its names. Its receiver is not connected."""
    namespace = pages.run(*PAGES)
    attendance_report_made.disconnect(namespace["tell_teachers"])
    return namespace
