"""Load on a database: a process that records without a pause, and the comparison of its answers with the log."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.live.databases import Cluster
from tests.live.load_generator import ROOMS, Call, Plan
from tests.waiting import wait_until

_ROOT = Path(__file__).parent.parent.parent

_EXPECTED = (
    "WARNING presence_events.group_commit: The database 'default' is unavailable,",
    "WARNING presence_events.processes: ",  # a beat has failed
    "WARNING psycopg.pool: ",
)
"""How the lines begin that are logged while a database is unavailable."""


class Load:
    """A process of `tests.live.load_generator`. Its standard error may only contain lines of `_EXPECTED`."""

    def __init__(self, cluster: Cluster, directory: Path, name: str = "load", port: int = 5432, **plan: Any) -> None:
        self.plan = Plan(name=name, file=str(directory / f"{name}.jsonl"), **plan)
        self.most_pending = 0
        self._stopped = False
        self._read = 0
        self._calls: list[Call] = []
        self._errors = directory / f"{name}.stderr"
        Path(self.plan.file).touch()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.live.load_generator", self.plan.json()],
                cwd=_ROOT,
                env=cluster.environment(port),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        if error[0] is not None:
            print(self._errors.read_text(errors="replace")[-5000:])

    def calls(self) -> list[Call]:
        """Returns the calls that have ended so far."""
        with Path(self.plan.file).open() as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        self._calls += [Call(*json.loads(line)) for line in whole.splitlines()]
        return self._calls

    def wait_for_answers(self, number: int = 1000, timeout: float = 40) -> None:
        """Waits until ``number`` calls that begin after this moment are answered without an error."""
        self._wait(lambda call: call.error is None, number, timeout)

    def wait_for_errors(self, number: int = 1) -> None:
        """Waits until ``number`` calls that begin after this moment have failed."""
        self._wait(lambda call: call.error is not None, number, 40)

    def _wait(self, condition: Callable[[Call], bool], number: int, timeout: float) -> None:
        now = time.monotonic()  # all processes of the machine share this clock

        def is_reached() -> bool:
            assert self._process.poll() is None, self._errors.read_text()
            return sum(call.began > now and condition(call) for call in self.calls()) >= number

        wait_until(is_reached, timeout)

    def stop(self) -> None:
        """Ends the event loops. The process keeps running."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._errors.read_text()
        self.most_pending = json.loads(line)["most_pending"]
        self._stopped = True

    def end(self, timeout: float = 20) -> None:
        """Ends the process in order. Calls `stop` if that was not done yet."""
        if not self._stopped:
            self.stop()
        self._process.communicate(timeout=timeout)
        assert self._process.returncode == 0
        assert not [line for line in self._errors.read_text().splitlines() if not line.startswith(_EXPECTED)]


def assert_answers_match(cluster: Cluster, *loads: Load, exactly: bool = False) -> None:
    """Compares the answers of each connection with the log and the tables, and these two with each other.

    ``exactly`` also requires that no call failed, and that every single answer and touch is correct.
    """
    cluster.run("-c", "import django; django.setup(); import tests.fold; tests.fold.assert_live_is_the_fold()")
    joins: Counter[tuple[str, str]] = Counter()
    touches: Counter[str] = Counter()
    for room, channel, kind, number in cluster.query(
        "SELECT room, channel_name, kind, count(*) FROM presence_event WHERE room <> '' GROUP BY 1, 2, 3"
    ):
        if kind == "join":
            joins[room, channel] = number
        elif kind == "touch":
            touches[channel] += number
    present = set(cluster.query("SELECT room, channel_name FROM presence"))
    calls: dict[str, list[Call]] = {}
    for load in loads:
        for call in load.calls():
            calls.setdefault(call.channel, []).append(call)
    assert len(calls) == sum(load.plan.loops * load.plan.connections for load in loads)
    assert {channel for _, channel in joins} <= set(calls)
    for channel, made in calls.items():
        for room in ROOMS:
            outcomes = _outcomes(made, room)
            there = (room, channel) in present
            assert there in outcomes, (room, channel, there, made[-8:])
            least, most = outcomes[there]
            assert least <= joins[room, channel] <= most, (room, channel, joins[room, channel], outcomes)
        if exactly:
            _assert_answers(made)
            assert touches[channel] == sum(call.answer or 0 for call in made if call.operation == "touch")


def _outcomes(calls: list[Call], room: str) -> dict[bool, tuple[int, int]]:
    """Returns whether the connection may be in ``room`` after ``calls``, each with the least and the most joins.

    A call that failed may have been recorded or not.
    """
    outcomes = {False: (0, 0)}
    for call in calls:
        if call.operation == "touch" or call.room not in (room, None):
            continue
        after = call.operation == "add"
        moved = dict(outcomes) if call.error else {}
        for before, (least, most) in outcomes.items():
            step = int(after and not before)
            known = moved.get(after, (least + step, most + step))
            moved[after] = (min(known[0], least + step), max(known[1], most + step))
        outcomes = moved
    return outcomes


def _assert_answers(calls: list[Call]) -> None:
    rooms: set[str | None] = set()
    for call in calls:
        assert call.error is None, call
        match call.operation:
            case "add":
                rooms.add(call.room)
            case "remove":
                rooms.discard(call.room)
            case "touch":
                assert call.answer == len(rooms), (call, rooms)
            case "leave_all":
                assert call.answer == len(rooms), (call, rooms)
                rooms.clear()
