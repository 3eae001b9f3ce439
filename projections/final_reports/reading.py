"""Reads final reports as they are stored."""

from __future__ import annotations

from projections.attendance.rows import Row
from projections.attendance.sheets import Sheet
from projections.final_reports.records import AttendanceReport

__all__ = ["stored_sheet"]


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
