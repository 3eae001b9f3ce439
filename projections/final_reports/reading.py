"""Reads final reports as they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from presence_events import validation
from presence_events.databases.each import on_each
from presence_events.databases.rooms import aliases_to_read
from projections.attendance.rows import Row
from projections.attendance.sheets import Sheet
from projections.final_reports.records import AttendanceReport

__all__ = ["MAX_REPORTS", "records_about", "reports_of", "stored_sheet"]

MAX_REPORTS = 100
"""Limits how many reports of one person are read, the latest ones."""


def reports_of(user: Any) -> list[tuple[AttendanceReport, Row]]:
    """Returns the latest final reports that name ``user``, an instance or a key, each with the row of that person.

    Raises `InvalidUser`.
    """
    key = str(validation.person_key(user))
    databases = aliases_to_read(AttendanceReport)
    found = [report for reports in on_each(databases, lambda alias: _naming(key, alias)) for report in reports]
    latest = sorted(found, key=lambda report: report.ends_at, reverse=True)[:MAX_REPORTS]
    return [(report, _row(report, key)) for report in latest]


def records_about(key: str, *, using: str) -> Iterator[tuple[AttendanceReport, dict[str, Any], list[dict[str, Any]]]]:
    """Yields each final report in the database ``using`` that names the user with ``key``, the key as text.

    With it come its row of that person as it is stored, and the corrections of this row.
    """
    reports = AttendanceReport.objects.using(using).filter(rows__contains=[{"user_id": key}]).order_by("pk")
    for report in reports.iterator():
        number = next(number for number, row in enumerate(report.rows) if row["user_id"] == key)
        corrections = [
            {"correction": each.correction, "reason": each.reason, "at": each.at.isoformat()}
            for each in report.annotations.using(using).filter(row=number)
        ]
        yield report, report.rows[number], corrections


def _naming(key: str, alias: str) -> list[AttendanceReport]:
    reports = AttendanceReport.objects.using(alias).filter(rows__contains=[{"user_id": key}])
    return list(reports.order_by("-ends_at")[:MAX_REPORTS])


def _row(report: AttendanceReport, key: str) -> Row:
    return Row.from_json(next(row for row in report.rows if row["user_id"] == key))


def stored_sheet(report: AttendanceReport) -> Sheet:
    """Returns the sheet of ``report``. Looks up the seal that covers it, with one query."""
    return Sheet(
        room=report.room,
        title=report.title,
        start=report.starts_at,
        end=report.ends_at,
        until=report.ends_at,
        position=report.position,
        complete_from=report.complete_from,
        seal=report.seal,
        rows=tuple(map(Row.from_json, report.rows)),
    )
