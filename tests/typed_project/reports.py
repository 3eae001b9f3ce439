"""Attendance and final reports."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_type

from django.contrib.auth.models import AbstractBaseUser
from django.dispatch import receiver

from projections.attendance.exporting import CONTENT_TYPES, as_bytes
from projections.attendance.own import MAX_STAYS, Visit, own_attendance
from projections.attendance.periods import Period
from projections.attendance.rows import Row, Status
from projections.attendance.sheets import Sheet, sheet_of
from projections.attendance.visibility import PERMISSION, visible_part, visible_users
from projections.final_reports.annotating import annotate
from projections.final_reports.erasing import erase
from projections.final_reports.making import make_due_reports
from projections.final_reports.reading import MAX_REPORTS, reports_of, stored_sheet
from projections.final_reports.scheduling import MAX_TITLE_CHARS, schedule_report
from projections.models import AttendanceReport, ReportAnnotation, Room, ScheduledReport
from projections.signals import attendance_report_made


def scheduling(room: Room, start: datetime, end: datetime, user: AbstractBaseUser) -> None:
    schedule = schedule_report(room, "Weekly", start, end, expected=[user])
    assert_type(schedule, ScheduledReport)
    assert_type(schedule.id, int)
    assert_type(schedule.room, str)
    assert_type(schedule.title, str)
    assert_type(schedule.starts_at, datetime)
    assert_type(schedule.ends_at, datetime)
    assert_type(schedule.expected, Any)
    assert_type(schedule.announced_at, datetime | None)
    assert_type(schedule.report, AttendanceReport)
    assert_type(make_due_reports("default"), int)
    assert_type(MAX_TITLE_CHARS, int)


@receiver(attendance_report_made)
def on_report(sender: type[AttendanceReport], report: AttendanceReport, **kwargs: Any) -> None:
    assert_type(report.schedule, ScheduledReport)
    assert_type(report.schedule_id, int)
    assert_type(report.room, str)
    assert_type(report.title, str)
    assert_type(report.starts_at, datetime)
    assert_type(report.ends_at, datetime)
    assert_type(report.made_at, datetime)
    assert_type(report.position, int)
    assert_type(report.complete_from, datetime | None)
    assert_type(report.rows, Any)
    assert_type(report.seal, int | None)
    shown(stored_sheet(report))


def annotating(report: AttendanceReport, author: AbstractBaseUser) -> None:
    note = annotate(report, author, "She was there.", "I saw her.", row=0)
    assert_type(note, ReportAnnotation)
    assert_type(note.id, int)
    assert_type(note.report, AttendanceReport)
    report_id: int = note.report_id  # to mypy with the plugin it is Any: the key of a report is that of its schedule
    assert_type(report_id, int)
    assert_type(note.row, int | None)
    assert_type(note.correction, str)
    assert_type(note.reason, str)
    assert_type(note.author, str)
    assert_type(note.author_name, str | None)
    assert_type(note.at, datetime)
    assert_type(erase(7, -7, using="default"), int)


def sheets(room: Room, start: datetime, end: datetime, viewer: AbstractBaseUser) -> None:
    sheet = visible_part(sheet_of(room, start, end), viewer)
    shown(sheet.only({"7"}))
    assert_type(visible_users(viewer, sheet.room), frozenset[str] | None)
    for form in CONTENT_TYPES:
        assert_type(as_bytes(sheet, form), bytes)
    print(PERMISSION)


def shown(sheet: Sheet) -> None:
    assert_type(sheet.length, timedelta)
    assert_type(sheet.expected, int | None)
    assert_type(sheet.count(Status.PRESENT, Status.POSSIBLE), int)
    for row in sheet.rows:
        assert_type(row, Row)
        assert_type(row.shown_name, str)
        assert_type(row.periods, tuple[Period, ...])
        assert_type(sheet.percent(row.certain), float)
        assert_type(Row.from_json(row.as_json()), Row)


def own(user: AbstractBaseUser, start: datetime, end: datetime) -> None:
    visits, is_complete = own_attendance(user, start, end)
    assert_type(visits, list[Visit])
    assert_type(is_complete, bool)
    assert_type(reports_of(user), list[tuple[AttendanceReport, Row]])
    print(MAX_REPORTS, MAX_STAYS)
