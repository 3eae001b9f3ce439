"""Measures the segments of the log: ``python -m tests.benchmarks.segments 20000000``.

The log is that of `tests.benchmarks.history` over two years, with a segment for each month. The control is the log of
`CONTROL`, the last commit that did not divide it, with a million events of the same density. Both are in one server and
are measured in turns. The table has medians: of a call, and of the time of the processor in PostgreSQL.

``--keep DIRECTORY`` keeps the server's data, and a later run with the same sizes continues with it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from tests.benchmarks.log_jobs import EVENTS_OF_A_STAY
from tests.benchmarks.server import POSTGRES_OPTIONS
from tests.postgres import embedded

ROOT = Path(__file__).parent.parent.parent
CONTROL = "b365025"
MONTHS = 24
PARTS = ("appends", "queries", "tail", "others", "replay")
SEEDED = ("queries", "others")
FEW_TURNS = {"replay": 2, "others": 3}
"""Parts whose calls take so long that more turns would change little."""

TARGETS = {
    **{f"{kind}, {size}": ("processor", 1.15) for kind in ("join", "touch", "leave") for size in (1000, 1)},
    **dict.fromkeys(
        (
            "during a day, large room",
            "during a day, small room",
            "during a day, large room, recent",
            "of_user",
            "tail, new events",
            "tail, a batch",
            "position_at",
            "position_at, recent",
        ),
        ("time", 1.5),
    ),
    **dict.fromkeys(("at, large room", "at, small room", "at, large room, recent"), ("ms", 5.0)),
}
"""What is compared with the control, and how many times its value is allowed. For ``ms``: how many milliseconds."""

REPLAY_TARGET = 4.0
"""How many times the duration of a scan of the log its replay may take."""


class Log:
    """A database with a log, and the process that measures it with the code in ``tree``."""

    def __init__(self, tree: Path, url: str) -> None:
        environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
        environment.pop("PYTHONPATH", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.log_jobs"],
            cwd=tree,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, job: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([job, arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process ended during {job}.")
        return json.loads(line)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as directory:
        home = Path(options.keep or Path(directory) / "server")
        server = embedded.Postgres(home, options=_settings())
        server.start()
        try:
            _compare(options, server, _tree(Path(directory)))
        finally:
            if options.keep:
                server.stop()
            else:
                server.remove()


def _compare(options: argparse.Namespace, server: Any, control_tree: Path) -> None:
    logs = _logs(options, server, control_tree)
    if options.explain:
        for log in logs.values():
            print(log.ask("explain", statement=options.explain))
        return
    for part in options.parts:
        _measure(part, logs, FEW_TURNS.get(part, options.turns))
    for log in logs.values():
        log.close()


def _logs(options: argparse.Namespace, server: Any, control_tree: Path) -> dict[str, Log]:
    distance = MONTHS * 30.4 * 86400 * EVENTS_OF_A_STAY / options.events
    logs = {}
    for name, tree, events, months, daily in (
        ("control", control_tree, options.control_events, 0, 0),
        ("segments", ROOT, options.events, 0 if options.undivided else MONTHS, options.daily),
    ):
        database = f"{name} {events} {distance:.1f} {months} {daily}"
        is_new = _create(server, database)
        log = logs[name] = Log(tree, f"postgresql://postgres@/{quote(database)}?host={server.socket_directory}")
        if is_new:
            log.ask("build", events=events, distance=distance, months=months, daily=daily)
        print(name, log.ask("about"), flush=True)
    return logs


def _measure(part: str, logs: dict[str, Log], turns: int) -> None:
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for turn in range(turns):
        arguments = {"seed": turn} if part in SEEDED else {}
        for name in list(logs)[:: -1 if turn % 2 else 1]:
            for what, calls in logs[name].ask(part, **arguments).items():
                found.setdefault(what, {}).setdefault(name, []).extend(calls)
    for what, each in found.items():
        _print(what, **{name: _medians(calls) for name, calls in each.items()})
    if part == "replay":
        ratio = _medians(found["replay.compare"]["segments"])[0] / _medians(found["scan"]["segments"])[0]
        print(f"replay takes {ratio:.1f} times a scan, of {REPLAY_TARGET} allowed", flush=True)


def _medians(calls: list[tuple[float, float]]) -> tuple[float, float]:
    walls, processor = zip(*calls, strict=True)
    return statistics.median(walls), statistics.median(processor)


def _print(what: str, control: tuple[float, float], segments: tuple[float, float]) -> None:
    ratios = [new / max(old, 1e-6) for new, old in zip(segments, control, strict=True)]
    kind, limit = TARGETS.get(what, ("", 0.0))
    measured = {"processor": ratios[1], "time": ratios[0], "ms": segments[0], "": 0.0}[kind]
    verdict = "" if not kind else ("ok" if measured <= limit else f"MISSED {measured:.2f} > {limit}")
    print(
        f"{what:35} {control[0]:9.3f} ms {segments[0]:9.3f} ms {ratios[0]:6.2f}   "
        f"cpu {control[1]:9.3f} ms {segments[1]:9.3f} ms {ratios[1]:6.2f}  {verdict}",
        flush=True,
    )


def _settings() -> list[str]:
    return [part for name, value in POSTGRES_OPTIONS.items() for part in ("-c", f"{name}={value}")]


def _create(server: Any, name: str) -> bool:
    """Creates the database ``name``. Returns whether it is new."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return False
        connection.execute(f'CREATE DATABASE "{name}"')
        return True


def _tree(directory: Path) -> Path:
    """Makes a directory with the code of `CONTROL`, and the tests of this commit."""
    tree = directory / "control"
    tree.mkdir()
    archive = subprocess.run(
        ["git", "archive", CONTROL, "presence_events", "projections"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-x"], cwd=tree, input=archive, check=True)
    for name in ("tests", "docs"):
        (tree / name).symlink_to(ROOT / name)
    return tree


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=2_000_000)
    parser.add_argument("--control-events", type=int, default=1_000_000)
    parser.add_argument("--daily", type=int, default=0, help="days at the end whose touches have segments of a day")
    parser.add_argument("--undivided", action="store_true", help="the log has only the first segments")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--keep", help="a directory for the data of the server")
    parser.add_argument("--explain", help="a statement whose plans are shown instead")
    return parser.parse_args()


if __name__ == "__main__":
    main(_options())
