"""The context of a page that shows an attendance sheet."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.paginator import Paginator

from projections.admin.attendance.chart import HEIGHT, Bar, bars, chart
from projections.admin.links import padded_span, room_url, timeline_url
from projections.attendance.rows import Row, Status
from projections.attendance.sheets import Sheet
from projections.templatetags.presence_times import duration_to, span_of, timestamp
from projections.times import format_duration, local, zone_name

__all__ = ["PER_PAGE", "ShownRow", "sheet_context"]

PER_PAGE = 500
"""Limits how many rows a page has."""


class ShownRow(NamedTuple):
    """A row of the table. Texts are empty where there is nothing to say."""

    row: Row
    number: int
    """The number of the row in its sheet, from 0."""
    url: str | None
    first_in: str
    last_out: str
    present: str
    percent: str
    longest_absence: str
    late: str
    left_early: str
    active: str
    bars: list[Bar]


def sheet_context(sheet: Sheet, page_number: str = "", *, query: str = "", complete: bool = True) -> dict[str, Any]:
    """Returns what the templates of a sheet show.

    ``query`` begins the addresses of its other pages. If ``complete`` is False, the operator does not see everyone.
    """
    page = Paginator(sheet.rows, PER_PAGE).get_page(page_number)
    first = page.start_index() - 1
    numbers = page.paginator.get_elided_page_range(page.number) if page.has_other_pages() else []
    return {
        "sheet": sheet,
        "is_restricted": not complete,
        "zone": zone_name(),
        "people": sheet.count(Status.PRESENT, Status.POSSIBLE),
        "only_possible": sheet.count(Status.POSSIBLE),
        "missing": sheet.count(Status.MISSING),
        "rows": [_shown(sheet, row, first + number) for number, row in enumerate(page.object_list)],
        "page": page,
        "pages": [(number, f"?{query and f'{query}&'}page={number}") for number in numbers],
        "chart": chart(sheet),
        "chart_height": HEIGHT,
        "room_url": room_url(sheet.room),
        "sheet_timeline_url": timeline_url(sheet.start, sheet.end, room=sheet.room),
    }


def _shown(sheet: Sheet, row: Row, number: int) -> ShownRow:
    return ShownRow(
        row,
        number,
        _timeline_of(sheet, row),
        _time(sheet, row.first_in),
        _time(sheet, row.last_out),
        "" if row.status == Status.MISSING else duration_to(row.certain, row.possible),
        "" if row.status == Status.MISSING else _percents(sheet, row),
        _duration(row.longest_absence),
        _duration(row.late),
        _duration(row.left_early),
        "" if row.active is None else format_duration(row.active),
        bars(sheet, row),
    )


def _timeline_of(sheet: Sheet, row: Row) -> str | None:
    if row.user_id is None or row.name is None:
        return None
    start, end = padded_span(sheet.start, sheet.until)
    return timeline_url(start, end, user=row.user_id)


def _time(sheet: Sheet, time: datetime | None) -> str:
    """Returns ``time`` as text, without the date if the whole span is on one day."""
    text = timestamp(time)
    is_one_day = local(sheet.start).date() == local(sheet.end - timedelta(microseconds=1)).date()
    return text.partition(" ")[2] if is_one_day else text


def _percents(sheet: Sheet, row: Row) -> str:
    certain, possible = (f"{round(sheet.percent(part))}\N{NO-BREAK SPACE}%" for part in (row.certain, row.possible))
    return span_of(certain, possible)


def _duration(duration: timedelta | None) -> str:
    return format_duration(duration) if duration else ""
