"""A report as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from projections.attendance.figures import Attendance
from projections.attendance.table import Line, lines
from projections.times import format_duration, local, zone_name

__all__ = ["text"]

_DASH = "-"
_DAY_AND_TIME = "%Y-%m-%d %H:%M:%S"
_HEAD = ("name", "status", "in", "out", "present", "percent", "stays", "absent", "late", "early")


def text(report: Attendance) -> str:
    """Returns ``report`` as text: a title, the numbers of people, and a table with one line for each.

    Times are in the current time zone, which the title names. Time that is only possible follows the certain time, as
    in ``0:50:00-0:53:00``. The column ``active`` is there if the report has activity.
    """
    found = list(lines(report))
    is_of_one_day = local(report.start).date() == local(report.until).date()
    span = f"from {_time(report.start, _DAY_AND_TIME)} to {_time(report.end, _DAY_AND_TIME)}, {zone_name()}"
    parts = [f"Attendance of {_printable(report.room)} {span}", _numbers(report)]
    if not report.is_known:
        parts.append("The log knows no room of this name.")
    if report.until < report.end:
        parts.append(f"The span is not over: figures are those until {_time(report.until, _DAY_AND_TIME)}.")
    has_activity = any(line.active is not None for line in found)
    if found:
        head = (*_HEAD, "active") if has_activity else _HEAD
        form = "%H:%M:%S" if is_of_one_day else _DAY_AND_TIME
        parts += ["", *_aligned([head, *(_cells(line, form, has_activity=has_activity) for line in found)])]
    return "".join(f"{part}\n" for part in parts)


def _numbers(report: Attendance) -> str:
    uncertain = sum(not attendee.is_certain for attendee in report.people)
    numbers = [f"{len(report.people):,} present"]
    if uncertain:
        numbers[0] += f", {uncertain:,} of them perhaps"
    if report.expected is not None:
        numbers.append(f"{len(report.missing):,} of {report.expected:,} expected are missing")
    if report.anonymous is not None:
        numbers.append(f"{report.anonymous.stays:,} anonymous stay{'' if report.anonymous.stays == 1 else 's'}")
    return "; ".join(numbers)


def _cells(line: Line, form: str, *, has_activity: bool) -> Sequence[str]:
    percents = (round(line.percent_certain), round(line.percent_possible))
    cells = [
        _printable(line.name),
        line.status,
        _time(line.first_in, form),
        _time(line.last_out, form),
        _range(*(_duration(seconds) for seconds in (line.certain, line.possible))),
        _range(*map(str, percents)),
        str(line.stays),
        *(_duration(seconds) for seconds in (line.longest_absence or None, line.late, line.left_early)),
    ]
    return [*cells, _duration(line.active)] if has_activity else cells


def _printable(text: str) -> str:
    """Returns ``text`` without characters that a terminal would act on."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _time(time: datetime | None, form: str) -> str:
    return _DASH if time is None else local(time).strftime(form)


def _duration(seconds: float | None) -> str:
    return _DASH if seconds is None else format_duration(timedelta(seconds=seconds))


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"


def _aligned(rows: Sequence[Sequence[Any]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
