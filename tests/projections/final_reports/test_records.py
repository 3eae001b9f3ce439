"""Stored reports are permanent, in the database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError

from presence_events.models import StoredSeal
from presence_events.seals import sealing
from projections.final_reports.annotating import annotate
from projections.models import AttendanceReport, ReportAnnotation
from tests.projections.final_reports.conftest import AN_HOUR

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("meeting")]

Make = Callable[..., AttendanceReport]


def row_without(report: AttendanceReport, number: int, **changes: Any) -> list[Any]:
    return [{**row, **changes} if index == number else row for index, row in enumerate(report.rows)]


def assert_refused(report: AttendanceReport, **values: Any) -> None:
    with pytest.raises(IntegrityError, match="a report is final"), transaction.atomic():
        AttendanceReport.objects.filter(pk=report.pk).update(**values)


def test_no_column_of_a_report_can_be_changed(make: Make) -> None:
    report = make()
    changes = {
        "room": "lobby",
        "title": "Another",
        "starts_at": report.starts_at - AN_HOUR,
        "ends_at": report.ends_at + AN_HOUR,
        "made_at": report.ends_at,
        "position": report.position + 1,
        "complete_from": report.starts_at,
        "rows": [],
    }
    columns = {field.name for field in AttendanceReport._meta.concrete_fields}
    assert columns == {*changes, "schedule"}
    for name, value in changes.items():
        assert_refused(report, **{name: value})


def test_the_figures_and_the_order_of_rows_cannot_be_changed(make: Make) -> None:
    report = make()
    for name in set(report.rows[0]) - {"user_id", "name"}:
        assert_refused(report, rows=row_without(report, 0, **{name: "changed"}))
    assert_refused(report, rows=report.rows[::-1])
    assert_refused(report, rows=report.rows[:-1])
    assert_refused(report, rows=[*report.rows, report.rows[0]])
    assert_refused(report, rows=row_without(report, 0, name="another name"))
    assert_refused(report, rows=row_without(report, 0, user_id="4711"))
    assert_refused(report, rows=row_without(report, 0, name=None, certain=0))


def test_a_name_can_be_erased_once_and_then_nothing_more(make: Make) -> None:
    report = make()
    erased = row_without(report, 0, user_id="-5", name=None)
    AttendanceReport.objects.filter(pk=report.pk).update(rows=erased)
    assert_refused(report, rows=row_without(report, 0, user_id="-6", name=None))
    assert_refused(report, rows=report.rows)


@pytest.mark.parametrize("statement", ["DELETE FROM {table}", "TRUNCATE {table} CASCADE"])
@pytest.mark.parametrize("table", ["presence_attendance_report", "presence_report_annotation"])
def test_reports_and_annotations_cannot_be_removed(make: Make, user: Any, statement: str, table: str) -> None:
    annotate(make(), user, "She was there.", "I saw her.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('presence_events.test_database', '', false)")
        try:
            with pytest.raises(IntegrityError, match="permanent"), transaction.atomic():
                cursor.execute(statement.format(table=table))
        finally:
            cursor.execute("SELECT set_config('presence_events.test_database', current_database(), false)")


def test_a_schedule_with_a_report_cannot_be_deleted(make: Make) -> None:
    report = make()
    with pytest.raises(ProtectedError):
        report.schedule.delete()


def test_no_column_of_an_annotation_can_be_changed(make: Make, user: Any) -> None:
    note = annotate(make(), user, "She was there.", "I saw her.", row=0)
    changes = {
        "row": 1,
        "correction": "x",
        "reason": "x",
        "author": "4711",
        "author_name": "x",
        "at": note.report.ends_at,
    }
    assert {field.name for field in ReportAnnotation._meta.concrete_fields} == {*changes, "id", "report"}
    for name, value in changes.items():
        with pytest.raises(IntegrityError, match="an annotation is final"), transaction.atomic():
            ReportAnnotation.objects.update(**{name: value})


def test_the_seal_of_a_report_is_found_when_it_has_landed(make: Make) -> None:
    report = make()
    assert report.seal is None
    sealing.seal("default")
    assert report.seal == StoredSeal.objects.get().number == 1
