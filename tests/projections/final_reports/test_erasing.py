"""Erasing a person from reports leaves the figures and everyone else as they are."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from presence_events import sql, validation
from presence_events.pseudonyms import is_pseudonym
from presence_events.recorder import Draft, record
from projections.attendance import attendance
from projections.erasure import erase_person, export_person
from projections.final_reports.annotating import annotate
from projections.final_reports.erasing import erase
from projections.final_reports.reading import reports_of, stored_sheet
from projections.final_reports.scheduling import schedule_report
from projections.models import AttendanceReport, ReportAnnotation, Room, ScheduledReport
from tests.projections.final_reports.conftest import NINE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("meeting")]

Make = Callable[..., AttendanceReport]


@pytest.fixture
def pseudonym(user: Any) -> Any:
    """A key of the type of user keys that no user has."""
    return UUID(int=5) if isinstance(user.pk, UUID) else -5


def test_a_person_is_erased_from_all_reports(make: Make, user: Any, other_user: Any, pseudonym: Any) -> None:
    reports = [make(expected=[user, other_user]), make()]
    annotate(reports[0], user, "I was there.", "I know.")
    annotate(reports[0], other_user, "So was I.", "I know.")
    now = timezone.now()
    planned = schedule_report("planning", "Next", now, now + timedelta(hours=1), expected=[other_user, user])
    before = [stored_sheet(report) for report in reports]
    # Two reports, one annotation, and the schedules of the first and the next report.
    assert erase(user.pk, pseudonym, using="default") == 5
    for report, sheet in zip(AttendanceReport.objects.order_by("pk"), before, strict=True):
        erased, *others = stored_sheet(report).rows
        assert (erased.user_id, erased.name, erased.shown_name) == (str(pseudonym), None, "erased person")
        assert others == list(sheet.rows[1:])
        figures = {"certain", "possible", "stays", "first_in", "last_out", "periods", "is_expected"}
        assert {getattr(erased, name) for name in figures} == {getattr(sheet.rows[0], name) for name in figures}
    assert list(ReportAnnotation.objects.values_list("author", "author_name")) == [
        (str(pseudonym), None),
        (str(other_user.pk), other_user.get_username()),
    ]
    planned.refresh_from_db()
    assert planned.expected == [str(other_user.pk), str(pseudonym)]
    assert reports_of(user) == []
    assert len(reports_of(other_user)) == 2


def test_a_second_run_finds_nothing(make: Make, user: Any, pseudonym: Any) -> None:
    make()
    assert erase(user.pk, pseudonym, using="default") == 1
    assert erase(user.pk, pseudonym, using="default") == 0


def test_an_erased_person_stays_expected_under_the_pseudonym(make: Make, user: Any, pseudonym: Any) -> None:
    schedule = schedule_report("planning", "Later", *_an_hour_ago(), expected=[user])
    assert erase(user.pk, pseudonym, using="default") == 1
    schedule.refresh_from_db()
    assert schedule.expected == [str(pseudonym)]


def test_all_or_nothing_is_erased(make: Make, user: Any, pseudonym: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    annotate(make(), user, "I was there.", "I know.")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_report_annotation ADD CONSTRAINT no CHECK (author_name IS NOT NULL)")
    try:
        with pytest.raises(IntegrityError):
            erase(user.pk, pseudonym, using="default")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE presence_report_annotation DROP CONSTRAINT no")
    assert stored_sheet(AttendanceReport.objects.get()).rows[0].name == "ada"


def test_the_index_finds_the_reports_of_a_person(make: Make, user: Any) -> None:
    make()
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = AttendanceReport.objects.filter(rows__contains=[{"user_id": str(user.pk)}]).explain()
    assert "presence_attendance_rows" in plan


@pytest.fixture
def eraser() -> Any:
    """Runs the rest of the test as a role that may erase people."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE eraser")
        cursor.execute(sql.read("projections", "grants/erasure").replace(':"role"', "eraser"))
        yield lambda: cursor.execute("SET ROLE eraser")
        cursor.execute("RESET ROLE")
        cursor.execute("DROP OWNED BY eraser")
        cursor.execute("DROP ROLE eraser")


def test_a_role_that_erases_can_do_nothing_else(make: Make, user: Any, pseudonym: Any, eraser: Any) -> None:
    report = make()
    eraser()
    assert erase(user.pk, pseudonym, using="default") == 1
    with pytest.raises(IntegrityError, match="a report is final"), transaction.atomic():
        AttendanceReport.objects.filter(pk=report.pk).update(rows=[])
    for statement in (
        "UPDATE presence_attendance_report SET title = 'x'",
        "DELETE FROM presence_attendance_report",
        "UPDATE presence_report_annotation SET reason = 'x'",
        "UPDATE presence_scheduled_report SET room = 'x'",
        "INSERT INTO presence_report_annotation (correction) VALUES ('x')",
    ):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_the_role_of_the_application_cannot_erase(make: Make, user: Any, pseudonym: Any) -> None:
    make()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE appender")
        try:
            for package in ("presence_events", "projections"):
                cursor.execute(sql.read(package, "grants/app").replace(':"role"', "appender"))
            cursor.execute("SET ROLE appender")
            with pytest.raises(ProgrammingError, match="permission denied"):
                erase(user.pk, pseudonym, using="default")
            cursor.execute("RESET ROLE")
        finally:
            cursor.execute("DROP OWNED BY appender")
            cursor.execute("DROP ROLE appender")
    assert ScheduledReport.objects.exists()


def _an_hour_ago() -> tuple[Any, Any]:
    now = timezone.now()
    return now - timedelta(hours=2), now - timedelta(hours=1)


def test_the_erasure_of_a_person_reaches_reports_and_their_export(
    make: Make, user: Any, other_user: Any, tmp_path: Path
) -> None:
    report = make(expected=[user, other_user])
    number = next(number for number, row in enumerate(report.rows) if row["user_id"] == str(user.pk))
    annotate(report, other_user, "she left at ten", "told me", row=number)
    annotate(report, user, "the clock was wrong", "I saw it")
    assert export_person(user, tmp_path)["reports"] == 1
    (found,) = json.loads((tmp_path / "person.json").read_text())["reports"]
    assert found["row"] == report.rows[number]
    assert [correction["reason"] for correction in found["corrections"]] == ["told me"]
    with (tmp_path / "reports.csv").open(newline="") as stream:
        assert [row["title"] for row in csv.DictReader(stream)] == ["Weekly"]

    erase_person(user)
    report.refresh_from_db()
    erased = report.rows[number]
    assert (is_pseudonym(validation.user_key(erased["user_id"])), erased["name"]) == (True, None)
    assert {**erased, "user_id": 0, "name": 0} == {**found["row"], "user_id": 0, "name": 0}
    assert [note.author_name for note in report.annotations.all()] == ["grace", None]
    assert str(user.pk) not in json.dumps(ScheduledReport.objects.get().expected)
    assert set(export_person(user, tmp_path).values()) == {0}


def test_the_erasure_of_a_person_changes_no_figure_of_attendance(user: Any) -> None:
    """Who was made to leave may have been gone before. That is known after the reason was erased, too."""
    Room.objects.add("planning", "late", user)
    record([Draft("leave", "planning", "late", data={"by": "admin", "reason": "it is late"})])
    end = timezone.now()
    before = attendance("planning", NINE, end).of(user)
    erase_person(user)
    (after,) = (one for one in attendance("planning", NINE, end).people if is_pseudonym(one.user_id))
    assert before is not None
    assert replace(after, user_id=user.pk) == before
