"""What has to hold after every fault, checked incrementally.

Each check reads what was added since the last one: to the log, the signal files of the workers and the output of the
processes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tests.live.chaos.clients import Call
from tests.live.chaos.processes import Process, Worker
from tests.live.databases import Cluster

ENDS = ("leave", "prune")


class Event(NamedTuple):
    id: int
    kind: str
    room: str
    channel: str
    session: int
    number: int | None


class Log:
    """The log so far, to compare the answers of the clients with."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._last = 0
        self.moves: dict[int, Event] = {}
        self._recorded: dict[tuple[str, int], set[str]] = defaultdict(set)
        self._joined: set[tuple[str, str, int]] = set()
        self._ended: Counter[tuple[str, str]] = Counter()
        self._left: Counter[tuple[str, str]] = Counter()

    def read(self) -> int:
        """Reads the new events. Returns how many the log has in total."""
        rows = self._cluster.query(
            "SELECT id, kind, room, channel_name, session, (data->>'number')::int FROM presence_event "
            "WHERE id > %s AND channel_name IS NOT NULL AND (kind <> 'touch' OR data IS NOT NULL) ORDER BY id",
            self._last,
        )
        for event in map(Event._make, rows):
            if event.kind != "touch":
                self.moves[event.id] = event
            if event.kind in ENDS:
                self._ended[event.room, event.channel] += 1
            elif event.number is not None:
                self._recorded[event.channel, event.number].add(event.room)
                if event.kind == "join":
                    self._joined.add((event.room, event.channel, event.number))
            self._last = event.id
        return int(self._cluster.query("SELECT count(*) FROM presence_event")[0][0])

    def assert_holds(self, calls: Iterable[Call]) -> None:
        """Asserts that each of ``calls``, which were answered, is in the events that were read."""
        for call in calls:
            match call.do:
                case "join":
                    assert (call.room, call.channel, call.number) in self._joined, call
                case "touch":
                    # A connection that was pruned by mistake records its data again in a join.
                    assert len(self._recorded[call.channel, call.number]) >= (call.answer or 0), call
                case "leave":
                    assert call.room is not None
                    self._left[call.room, call.channel] += 1
                    assert self._ended[call.room, call.channel] >= self._left[call.room, call.channel], call


class ReceivedSignals:
    """The signals that the receivers in the workers received, in order."""

    def __init__(self) -> None:
        self.lines = 0
        self._read: dict[Worker, int] = {}
        self._first: set[int] = set()
        self._latest: dict[int, int] = {}
        self._latest_of_worker: dict[tuple[Worker, int], int] = {}
        self._received_by: set[tuple[Worker, int]] = set()

    @property
    def repeated(self) -> int:
        return self.lines - len(self._first)

    def read(self, workers: Iterable[Worker]) -> None:
        """Reads the new signals. Fails if an event that was not signalled before follows a later one of its stay."""
        new_lines: list[tuple[list[bytes], Worker]] = []
        for worker in workers:
            if worker.signal_file.exists():
                with worker.signal_file.open("rb") as file:
                    file.seek(self._read.get(worker, 0))
                    text = file.read()
                whole = text[: text.rfind(b"\n") + 1]
                self._read[worker] = self._read.get(worker, 0) + len(whole)
                new_lines += [(line.split(), worker) for line in whole.splitlines()]
        for (_, event, stay, kind), worker in sorted(new_lines, key=lambda line: int(line[0][0])):
            self._receive(int(event), int(stay), kind.decode(), worker)

    def _receive(self, event: int, stay: int, kind: str, worker: Worker) -> None:
        self.lines += 1
        if event not in self._first:
            assert event > self._latest.get(stay, 0), f"{kind} {event} of stay {stay} was signalled after a later one"
            self._first.add(event)
            self._latest[stay] = event
        if (worker, event) not in self._received_by:
            assert event > self._latest_of_worker.get((worker, stay), 0), f"{worker.name}: {kind} {event} of {stay}"
            self._received_by.add((worker, event))
            self._latest_of_worker[worker, stay] = event

    def missing(self, log: Log) -> list[Event]:
        return [event for position, event in log.moves.items() if position not in self._first]


def unexpected_lines(processes: Iterable[Process], excused: Iterable[str]) -> list[str]:
    """Returns the new output lines of ``processes`` that match none of the regular expressions ``excused``."""
    pattern = re.compile("|".join(excused)) if excused else None
    return [
        f"{process.name}: {line}"
        for process in processes
        for line in process.new_lines()
        if not (pattern and pattern.match(line))
    ]
