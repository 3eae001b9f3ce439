"""One simulation, in a process of its own: ``python -m tests.benchmarks.million.simulation SCENARIO POSTGRES_PID``.

``SCENARIO`` is JSON. The last line of the output is JSON with all figures. Progress goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO

import django

django.setup()

from projections.replay.repair import compare  # noqa: E402
from tests.benchmarks.million.load import Load  # noqa: E402
from tests.benchmarks.million.meter import Meter, milliseconds, rows  # noqa: E402
from tests.benchmarks.million.process import ALIAS, Latencies  # noqa: E402
from tests.benchmarks.million.scenario import CROWD, Scenario  # noqa: E402

ROOT = Path(__file__).parent.parent.parent.parent

_PRUNE_TIMEOUT = 180.0
"""Seconds until the connections of the killed processes have to be pruned."""

_LEAST_QUERIES = 100
"""There is one query a second, or this many in all if the time is short."""

_USERS = """
INSERT INTO auth_user (
    username, password, first_name, last_name, email, is_staff, is_active, is_superuser, date_joined
)
SELECT 'user ' || n, '', '', '', '', false, true, false, now() FROM generate_series(1, %s) AS n
"""
_OF_KILLED = "SELECT count(*) FROM presence_open_stay WHERE process = ANY (%s) AND is_leased"
_STAYS = "SELECT count(*), coalesce(sum(id), 0) FROM presence_open_stay"
_JOINS = "SELECT count(*) FROM presence_event WHERE room = %s AND kind = 'join'"
_ROOMS = """
SELECT count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY size), max(size)
FROM (SELECT count(*) AS size FROM presence_open_stay GROUP BY room) AS room
"""


class Simulation:
    """Runs a scenario on the server whose first process is ``postgres``, and measures it."""

    def __init__(self, scenario: Scenario, postgres: int) -> None:
        self._scenario = scenario
        self._postgres = postgres
        self._load = Load(scenario)
        self._began = time.monotonic()
        self._killed_at: float | None = None
        self._pruned_after: float | None = None
        self._latencies = {phase: Latencies() for phase in scenario.phases}

    def run(self) -> dict[str, Any]:
        """Returns all figures. Raises what a simulated process raises."""
        rows(_USERS, self._scenario.users)
        self._progress(f"{self._scenario.users:,} users are made")
        filled = self._fill()
        with tempfile.TemporaryFile("w+") as queries:
            interval = str(min(self._scenario.minutes * 60 / _LEAST_QUERIES, 1.0))
            with (
                _beside("queries", queries, "-m", "tests.benchmarks.million.queries", interval),
                _beside("worker", sys.stderr, "-m", "django", "run_projector", "--prune"),
            ):
                with closing(Meter(self._postgres)) as meter:
                    phases = {phase: self._phase(phase, meter) for phase in self._scenario.phases}
                    kinds, memory = meter.kinds(), meter.memory()
                self._wait_for_the_prune()
            queries.seek(0)
            queried = queries.readlines()
        self._load.drain()
        self._progress("the log is folded again")
        return {
            "scenario": self._scenario._asdict(),
            "processes": self._scenario.processes,
            "filled": filled,
            # The last calls of a phase are answered in the next one.
            "phases": {phase: {**phases[phase], **of_calls.figures()} for phase, of_calls in self._latencies.items()},
            "kinds": kinds,
            "memory": memory,
            "late": self._load.late * 1000,
            "queries": _timings(queried),
            "crowd": rows(_JOINS, CROWD)[0][0],
            "killed": len(self._load.killed),
            "pruned": self._pruned_after,
            "mismatches": sum(latencies.mismatches for latencies in self._latencies.values()),
            "rooms": dict(zip(("number", "median", "largest"), rows(_ROOMS)[0], strict=True)),
            "stays": {"tables": list(map(int, rows(_STAYS)[0])), "processes": self._load.stays()},
            "differences": [str(difference) for difference in compare(ALIAS)],
        }

    def _fill(self) -> float:
        began = time.monotonic()
        self._load.fill(self._progress)
        seconds = time.monotonic() - began
        rows("VACUUM ANALYZE")
        rows("CHECKPOINT")
        gc.collect()
        gc.freeze()  # looking through a million connections would take the generator a second
        self._load.start()
        return seconds

    def _phase(self, phase: str, meter: Meter) -> dict[str, float]:
        """Runs one phase. Returns what PostgreSQL and the generator used in it."""
        self._progress(phase)
        seconds = self._scenario.seconds(phase)
        until = time.monotonic() + seconds
        match phase:
            case "deploy":
                self._load.deploy(seconds)
            case "kill":
                self._load.kill(seconds)
                self._killed_at = time.monotonic()
            case "crowd":
                self._load.crowd(seconds)
        self._run(until, phase)
        return meter.next()

    def _run(self, until: float, phase: str) -> None:
        """Runs until a time, and looks twice a second whether the killed processes have been pruned."""
        while (now := time.monotonic()) < until:
            is_pruning = self._killed_at is not None and self._pruned_after is None
            self._load.run(min(until, now + 0.5) if is_pruning else until, self._latencies[phase])
            if is_pruning and rows(_OF_KILLED, [process.name for process in self._load.killed]) == [(0,)]:
                self._pruned_after = time.monotonic() - (self._killed_at or 0.0)

    def _wait_for_the_prune(self) -> None:
        limit = time.monotonic() + _PRUNE_TIMEOUT
        while self._killed_at is not None and self._pruned_after is None and time.monotonic() < limit:
            self._run(time.monotonic() + 0.5, self._scenario.phases[-1])

    def _progress(self, message: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {message}", file=sys.stderr, flush=True)


@contextmanager
def _beside(name: str, output: TextIO, *arguments: str) -> Iterator[None]:
    """Runs Python with ``arguments`` while the block runs. ``name`` is the application name of its connections."""
    environment = {**os.environ, "PGAPPNAME": name}
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, env=environment, stdout=output)
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"{name} has ended with status {process.returncode}.")
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _timings(lines: list[str]) -> dict[str, dict[str, float]]:
    """Returns the figures of each query, by its name. ``cpu`` is the median CPU time of the backend."""
    seconds, cpu = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for line in lines:
        name, elapsed, used = json.loads(line)
        seconds[name].append(elapsed)
        cpu[name].append(used)
    return {name: {**milliseconds(seconds[name]), "cpu": milliseconds(cpu[name])["p50"]} for name in seconds}


if __name__ == "__main__":
    sys.setswitchinterval(0.001)  # by default, the threads of the pool would delay all that is due
    print(json.dumps(Simulation(Scenario(**json.loads(sys.argv[1])), int(sys.argv[2])).run()))
