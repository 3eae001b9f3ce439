"""Draws presence over a span: how many people were there, and a bar for each person.

A drawing is SVG that the server renders. Horizontal places are percentages of the width, as text that no language
changes. Vertical ones are pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from projections.attendance.periods import Period
from projections.attendance.rows import Row, Status
from projections.attendance.sheets import Sheet
from projections.times import EPOCH, local

__all__ = ["HEIGHT", "Bar", "Chart", "bars", "chart"]

HEIGHT = 120
"""The height of the curve in pixels."""

MAX_LEVELS = 400
"""Limits how many levels the curve has. Beyond it, each stands for a part of the span, and shows its highest values."""

MAX_TICKS = 6

_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10_080, 43_200)
"""Minutes between two ticks."""


class Bar(NamedTuple):
    """A period of a person: where it begins and how long it is, in percent of the width."""

    x: str
    width: str
    is_certain: bool


class Level(NamedTuple):
    """A part of the curve. Certain people are drawn below, and those who are only possible above them."""

    x: str
    width: str
    certain: int
    possible: int
    y_certain: int
    height_certain: int
    y_possible: int
    height_possible: int


class Tick(NamedTuple):
    x: str
    label: str


class Chart(NamedTuple):
    """``most`` is the highest number of people, possible ones included. ``unknown`` is the width before the horizon."""

    levels: list[Level]
    most: int
    ticks: list[Tick]
    unknown: str | None


class _Count(NamedTuple):
    start: datetime
    end: datetime
    certain: int
    possible: int


def bars(sheet: Sheet, row: Row) -> list[Bar]:
    """Returns the bars of ``row``."""
    return [
        Bar(_percent(sheet, period.start - sheet.start), _percent(sheet, period.end - period.start), period.is_certain)
        for period in row.periods
    ]


def chart(sheet: Sheet) -> Chart:
    """Returns the chart of the people in ``sheet``. Anonymous connections are left out: their number is not known."""
    people = [row for row in sheet.rows if row.status != Status.ANONYMOUS]
    counts = list(_counts(period for row in people for period in row.periods))
    if len(counts) > MAX_LEVELS:
        counts = _highest(counts, sheet)
    most = max((count.certain + count.possible for count in counts), default=0)
    unknown = None if sheet.complete_from is None else _percent(sheet, sheet.complete_from - sheet.start)
    return Chart([_level(sheet, count, most) for count in counts], most, list(_ticks(sheet)), unknown)


def _counts(periods: Iterable[Period]) -> Iterator[_Count]:
    """Yields how many people were there, for each time in which the numbers do not change."""
    changes: dict[datetime, list[int]] = {}
    for start, end, is_certain in periods:
        for at, change in ((start, 1), (end, -1)):
            changes.setdefault(at, [0, 0])[0 if is_certain else 1] += change
    certain = possible = 0
    for start, end in pairwise(sorted(changes)):
        certain += changes[start][0]
        possible += changes[start][1]
        if certain or possible:
            yield _Count(start, end, certain, possible)


def _highest(counts: list[_Count], sheet: Sheet) -> list[_Count]:
    """Returns one count for each of `MAX_LEVELS` parts of the span: the one with most people in it."""
    step = sheet.length / MAX_LEVELS
    found: dict[int, _Count] = {}
    for count in counts:
        first = int((count.start - sheet.start) / step)
        last = min(int((count.end - sheet.start) / step), MAX_LEVELS - 1)
        for number in range(first, last + 1):
            before = found.get(number)
            if before is None or before.certain + before.possible < count.certain + count.possible:
                start = sheet.start + number * step
                found[number] = count._replace(start=start, end=start + step)
    return [found[number] for number in sorted(found)]


def _level(sheet: Sheet, count: _Count, most: int) -> Level:
    certain = round(HEIGHT * count.certain / most)
    both = round(HEIGHT * (count.certain + count.possible) / most)
    return Level(
        _percent(sheet, count.start - sheet.start),
        _percent(sheet, count.end - count.start),
        count.certain,
        count.possible,
        HEIGHT - certain,
        certain,
        HEIGHT - both,
        both - certain,
    )


def _ticks(sheet: Sheet) -> Iterator[Tick]:
    """Yields round local times in the span."""
    minutes = sheet.length / timedelta(minutes=1)
    step = next((step for step in _STEPS if minutes / step <= MAX_TICKS), _STEPS[-1] * (1 + int(minutes / _STEPS[-1])))
    offset = local(sheet.start).utcoffset() or timedelta()
    past = (sheet.start - EPOCH + offset) % timedelta(minutes=step)
    at = sheet.start if not past else sheet.start + timedelta(minutes=step) - past
    while at <= sheet.until:
        shown = local(at.astimezone(UTC))
        yield Tick(_percent(sheet, at - sheet.start), f"{shown:%m-%d}" if step >= 1440 else f"{shown:%H:%M}")
        at += timedelta(minutes=step)


def _percent(sheet: Sheet, length: timedelta) -> str:
    return f"{100 * (length / sheet.length):.3f}%"
