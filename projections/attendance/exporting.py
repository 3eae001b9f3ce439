"""Writes attendance sheets as CSV, JSON, or a file for Excel.

Times are in Django's current time zone, which the file names. In CSV and JSON they have an offset, and durations are
seconds: the rows are those of `manage.py presence_attendance`. Excel knows no time zones: there, times and durations
are numbers that Excel shows as such.

Names come from users. A spreadsheet would take a text that begins like a formula for one. In CSV such a text is
prefixed with an apostrophe. In the file for Excel the cell is marked as text, so Excel shows the value as it is.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any

from django.utils.translation import gettext as _

from presence_events import export
from presence_events.exceptions import SpreadsheetsNotInstalled
from projections.attendance.rows import Row
from projections.attendance.sheets import Sheet
from projections.attendance.table import Line
from projections.times import local, zone_name

__all__ = ["CONTENT_TYPES", "as_bytes"]

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
"""The formats, with the types of their files."""

_NEGATIVE = re.compile("-[0-9]+")
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def as_bytes(sheet: Sheet, form: str) -> bytes:
    """Returns ``sheet`` as a file in ``form``, one of `CONTENT_TYPES`. Raises `SpreadsheetsNotInstalled`."""
    return _WRITERS[form](sheet)


def _csv(sheet: Sheet) -> bytes:
    stream = io.StringIO()
    rows = (_safe(_line(sheet, row)) for row in sheet.rows)
    export.write(stream, "csv", Line._fields, rows)
    return stream.getvalue().encode()


def _safe(line: Line) -> Line:
    """Returns ``line`` without formulas. The key of an erased person can be a negative number, which is none."""
    safe = Line._make(map(export.spreadsheet_safe, line))
    return safe._replace(user_id=line.user_id) if _NEGATIVE.fullmatch(line.user_id or "") else safe


def _json(sheet: Sheet) -> bytes:
    facts = {name: _text(value) for name, value in _facts(sheet).items()}
    people = [{name: _text(value) for name, value in _line(sheet, row)._asdict().items()} for row in sheet.rows]
    return (json.dumps({**facts, "people": people}, ensure_ascii=False, indent=1) + "\n").encode()


def _facts(sheet: Sheet) -> dict[str, Any]:
    """Returns what the sheet is about and based on."""
    return {
        "title": sheet.title,
        "room": sheet.room,
        "from": sheet.start,
        "until": sheet.end,
        "figures_until": sheet.until,
        "time_zone": zone_name(),
        "position": sheet.position,
        "seal": sheet.seal,
        "complete_from": sheet.complete_from,
    }


def _line(sheet: Sheet, row: Row) -> Line:
    values: dict[str, Any] = {name: getattr(row, name) for name in Line._fields if not name.startswith("percent_")}
    seconds = {name: value.total_seconds() if isinstance(value, timedelta) else value for name, value in values.items()}
    percents: dict[str, Any] = {
        "percent_certain": sheet.percent(row.certain),
        "percent_possible": sheet.percent(row.possible),
    }
    return Line(**{**seconds, **percents, "status": str(row.status), "name": row.shown_name})


def _text(value: Any) -> Any:
    return local(value).isoformat() if isinstance(value, datetime) else value


# The file for Excel


def _xlsx(sheet: Sheet) -> bytes:
    try:
        openpyxl: Any = import_module("openpyxl")
    except ImportError:
        raise SpreadsheetsNotInstalled from None
    book = openpyxl.Workbook()
    page = book.active
    page.title = _("Attendance")
    labels = {
        "title": _("Title"), "room": _("Room"), "from": _("From"), "until": _("Until"),
        "figures_until": _("Figures until"), "time_zone": _("Time zone"), "position": _("Position in the log"),
        "seal": _("Seal"), "complete_from": _("Complete from"),
    }  # fmt: skip
    for number, (name, value) in enumerate(_facts(sheet).items(), start=1):
        _fill(page.cell(number, 1), labels[name])
        _fill(page.cell(number, 2), value)
    first = len(labels) + 2
    columns = _excel_columns(sheet)
    for column, (label, read) in enumerate(columns, start=1):
        _fill(page.cell(first, column), label)
        page.cell(first, column).font = openpyxl.styles.Font(bold=True)
        page.column_dimensions[openpyxl.utils.get_column_letter(column)].width = 30 if column == 1 else 18
        for number, row in enumerate(sheet.rows, start=first + 1):
            _fill(page.cell(number, column), read(row))
    page.freeze_panes = page.cell(first + 1, 2)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _excel_columns(sheet: Sheet) -> list[tuple[str, Callable[[Row], Any]]]:
    return [
        (_("Name"), lambda row: row.shown_name),
        (_("Key"), lambda row: row.user_id),
        (_("Status"), lambda row: str(row.status)),
        (_("Expected"), lambda row: row.is_expected),
        (_("First in"), lambda row: row.first_in),
        (_("Last out"), lambda row: row.last_out),
        (_("Last seen"), lambda row: row.last_seen),
        (_("Certain"), lambda row: row.certain),
        (_("Possible"), lambda row: row.possible),
        (_("Certain, percent"), lambda row: sheet.percent(row.certain)),
        (_("Possible, percent"), lambda row: sheet.percent(row.possible)),
        (_("Stays"), lambda row: row.stays),
        (_("Longest absence"), lambda row: row.longest_absence),
        (_("Late"), lambda row: row.late),
        (_("Left early"), lambda row: row.left_early),
        (_("Active"), lambda row: row.active),
    ]


def _fill(cell: Any, value: Any) -> None:
    """Writes ``value`` into a cell. A text stays a text, whatever it begins with."""
    if isinstance(value, datetime):
        cell.value = local(value).replace(tzinfo=None)
        cell.number_format = "yyyy-mm-dd hh:mm:ss"
    elif isinstance(value, timedelta):
        cell.value = value
        cell.number_format = "[h]:mm:ss"
    elif isinstance(value, str):
        cell.value = _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", value)
        cell.data_type = "s"
        cell.quotePrefix = export.spreadsheet_safe(value) != value
    else:
        cell.value = value


_WRITERS: dict[str, Callable[[Sheet], bytes]] = {"csv": _csv, "xlsx": _xlsx, "json": _json}
