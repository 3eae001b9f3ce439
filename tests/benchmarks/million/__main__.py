"""Simulates connections, and prints what they cost: ``python -m tests.benchmarks.million 10000 100000 1000000``.

Each number of connections is simulated in real time, on a PostgreSQL of its own with one core of its own. Progress is
written to standard error. ``--save`` also keeps the figures in a file: numbers that are in it already are not simulated
again. ``--write-docs`` writes the page and its plots.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import docs
from tests.benchmarks.endtoend import cores
from tests.benchmarks.million import page
from tests.benchmarks.million.scenario import PHASES, Scenario
from tests.benchmarks.server import POSTGRES_OPTIONS
from tests.postgres import embedded

ROOT = Path(__file__).parent.parent.parent.parent
OPTIONS = {**POSTGRES_OPTIONS, "checkpoint_timeout": "5min", "max_parallel_workers_per_gather": "0"}
"""There are checkpoints during a simulation, as in production. One core has no use for parallel workers."""


def main(arguments: list[str]) -> None:
    options = _parser().parse_args(arguments)
    # A termination has to run the context managers that stop the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    saved = options.save and options.save.exists()
    results: dict[str, Any] = json.loads(options.save.read_text()) if saved else {}
    for connections in options.connections:
        if str(connections) not in results:
            sizes = (options.minutes, options.max_age, options.database_connections)
            results[str(connections)] = _simulate(Scenario(connections, *sizes, options.only))
            if options.save:
                options.save.write_text(json.dumps(results, indent=1))
    found = [results[str(connections)] for connections in sorted(options.connections)]
    print(page.report(found), flush=True)
    if options.write_docs:
        page.write(found, OPTIONS, options.write_docs)


def _simulate(scenario: Scenario) -> dict[str, Any]:
    """Runs the scenario on a server of its own. Returns its figures."""
    server = embedded.Postgres(
        Path(tempfile.gettempdir()) / f"presence-million-{os.getpid()}",
        options=[part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")],
    )
    try:
        with cores.on_server_core():
            server.start()
        pid = int((server.data / "postmaster.pid").read_text().split()[0])
        environment = {
            **os.environ,
            "BENCHMARK_PEER": "ours",
            "BENCHMARK_DATABASE": server.url,
            "BENCHMARK_MAX_AGE": str(scenario.max_age),
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.million.settings",
            "PGAPPNAME": "processes",
        }
        with cores.off_server_core():
            _python(environment, "-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
            simulation = ("-m", "tests.benchmarks.million.simulation", json.dumps(scenario._asdict()), str(pid))
            output = _python(environment, *simulation)
        return {**json.loads(output.splitlines()[-1]), "about": page.about()}
    finally:
        server.remove()


def _python(environment: dict[str, str], *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.million",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    defaults = Scenario(0)
    parser.add_argument("connections", type=int, nargs="*", default=[1_000_000])
    parser.add_argument("--minutes", type=float, default=defaults.minutes, help="how long all phases take together")
    parser.add_argument("--max-age", type=int, default=defaults.max_age, help="the maximal age, in seconds")
    parser.add_argument("--database-connections", type=int, default=defaults.database_connections)
    parser.add_argument("--only", nargs="+", choices=PHASES, default=tuple(PHASES), metavar="PHASE")
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the figures in a file, and take them from it")
    parser.add_argument(
        "--write-docs",
        type=Path,
        nargs="?",
        const=docs.DIRECTORY,
        metavar="DIRECTORY",
        help="write the tables into its explanation/million*.md, and the plots into its images/ (default: docs)",
    )
    return parser


if __name__ == "__main__":
    main(sys.argv[1:])
