"""Plots as SVG, which diffs can show, with colours for light and dark schemes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

# Pairs for the light and the dark scheme. Series also differ in lightness and marker, for readers who are colour-blind.
_COLOURS = (("#1f6feb", "#58a6ff"), ("#c2410c", "#fb923c"), ("#7c3aed", "#c4a5ff"), ("#0f766e", "#2dd4bf"))
_STYLE = """
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a }
.title { font-weight: 600; fill: #1f2328 } .value { fill: #1f2328 }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #d0d7de; stroke-width: 1 } .line { fill: none; stroke-width: 2 } .fillgrey { fill: #8c959f }
"""
_DARK = """
text { fill: #9198a1 } .title, .value { fill: #f0f6fc } .grid { stroke: #3d444d }
"""
_PANEL, _HEIGHT, _LEFT, _TOP, _GAP, _BOTTOM = 250, 220, 56, 62, 26, 40
_BAR, _BETWEEN, _NAMES = 20, 6, 250


class Picture(NamedTuple):
    """A plot of the page: its file name, its alternative text and its content."""

    name: str
    alternative: str
    svg: str


Points = Sequence[tuple[float, float]]


def lines(panels: Mapping[str, Mapping[str, Points]], x_title: str, y_title: str) -> str:
    """Draws panels with a line for each series. Both axes are logarithmic, and the same in all panels."""
    series = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    everything = [point for lines in panels.values() for points in lines.values() for point in points]
    x_ticks = sorted({x for x, _ in everything})
    y_ticks = _decades([y for _, y in everything])
    width = _LEFT + len(panels) * (_PANEL + _GAP)
    body = _legend(series, _LEFT)
    body.append(f'<text x="{_LEFT}" y="{_TOP - 24}">{escape(y_title)}</text>')
    for number, (title, by_series) in enumerate(panels.items()):
        left = _LEFT + number * (_PANEL + _GAP)

        def place(x: float, y: float, left: float = left) -> tuple[float, float]:
            return (
                left + 12 + (_PANEL - 24) * _share(x, x_ticks[0], x_ticks[-1]),
                _TOP + _HEIGHT * (1 - _share(y, y_ticks[0], y_ticks[-1])),
            )

        body.append(f'<text class="title middle" x="{left + _PANEL / 2:.1f}" y="{_TOP - 8}">{escape(title)}</text>')
        for tick in y_ticks:
            _, y = place(x_ticks[0], tick)
            body.append(f'<line class="grid" x1="{left}" y1="{y:.1f}" x2="{left + _PANEL}" y2="{y:.1f}"/>')
            if number == 0:
                body.append(f'<text class="end" x="{left - 8}" y="{y + 4:.1f}">{_short(tick)}</text>')
        for tick in x_ticks:
            x, _ = place(tick, y_ticks[0])
            body.append(f'<text class="middle" x="{x:.1f}" y="{_TOP + _HEIGHT + 18}">{_short(tick)}</text>')
        for name, points in by_series.items():
            body += _line(series.index(name), [place(*point) for point in sorted(points)])
    middle = _LEFT + (width - _LEFT - _GAP) / 2
    body.append(f'<text class="middle" x="{middle:.1f}" y="{_TOP + _HEIGHT + 36}">{escape(x_title)}</text>')
    return _document(max(width, _legend_end(series, _LEFT)), _TOP + _HEIGHT + _BOTTOM + 6, body)


def bars(groups: Mapping[str, Mapping[str, float]], colours: Mapping[str, int | None]) -> str:
    """Draws groups of horizontal bars below one another. Each group has its own scale, which begins at zero.

    ``colours`` maps the name of a bar to the number of the series in `lines` that it belongs to. None is grey.
    """
    width, y = 860.0, 0.0
    body: list[str] = []
    for title, values in groups.items():
        y += 28
        body.append(f'<text class="title" x="0" y="{y - 8}">{escape(title)}</text>')
        for name, value in values.items():
            colour = "grey" if colours[name] is None else colours[name]
            length = (width - _NAMES - 80) * value / max(values.values())
            body += [
                f'<text class="end" x="{_NAMES - 8}" y="{y + _BAR / 2 + 4:.1f}">{escape(name)}</text>',
                f'<rect class="fill{colour}" x="{_NAMES}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>',
                f'<text class="value" x="{_NAMES + length + 6:.1f}" y="{y + _BAR / 2 + 4:.1f}">{value:,.0f}</text>',
            ]
            y += _BAR + _BETWEEN
        y += 8
    return _document(width, y, body)


def _line(number: int, points: Points) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [
        f'<polyline class="line stroke{number}" points="{path}"/>',
        *(_marker(number, x, y) for x, y in points),
    ]


def _marker(number: int, x: float, y: float) -> str:
    shape = f'class="fill{number}"'
    match number % 4:
        case 0:
            return f'<circle {shape} cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        case 1:
            return f'<rect {shape} x="{x - 3.5:.1f}" y="{y - 3.5:.1f}" width="7" height="7"/>'
        case 2:
            return f'<path {shape} d="M{x:.1f} {y - 5:.1f}l5 9h-10z"/>'
        case _:
            return f'<path {shape} d="M{x:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>'


def _legend(series: Sequence[str], left: float) -> list[str]:
    body = []
    for number, name in enumerate(series):
        body += [*_line(number, [(left, 12), (left + 24, 12)])[:1], _marker(number, left + 12, 12)]
        body.append(f'<text x="{left + 32}" y="16">{escape(name)}</text>')
        left = _legend_end([name], left)
    return body


def _legend_end(series: Sequence[str], left: float) -> float:
    return left + sum(60 + 7 * len(name) for name in series)


def _document(width: float, height: float, body: Sequence[str]) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    light, dark = (
        "\n".join(
            f".stroke{number} {{ stroke: {pair[side]} }} .fill{number} {{ fill: {pair[side]} }}"
            for number, pair in enumerate(_COLOURS)
        )
        for side in range(2)
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<style>{_STYLE}{light}",
            f"@media (prefers-color-scheme: dark) {{{_DARK}{dark}\n}}</style>",
            *body,
            "</svg>\n",
        ]
    )


def _decades(values: Sequence[float]) -> list[float]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**power for power in range(low, max(high, low + 1) + 1)]


def _share(value: float, low: float, high: float) -> float:
    return math.log(value / low) / math.log(high / low) if high > low else 0.5


def _short(value: float) -> str:
    if value >= 1_000_000:
        return f"{value / 1_000_000:,g}M"
    return f"{value / 1000:,g}k" if value >= 1000 else f"{value:g}"
