"""What the connections and the processes do, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from random import Random

from presence_events.processes.beats import MAX_RETRY_DELAY
from presence_events.processes.registry import beat_interval
from tests.benchmarks.million.pool import Pool
from tests.benchmarks.million.population import Connection, Population
from tests.benchmarks.million.process import Latencies, Process
from tests.benchmarks.million.scenario import CONNECTIONS_OF_PROCESS, CROWD, STAY, Scenario

__all__ = ["Load"]

_BACKLOG = 100
"""Functions that may wait for the pool while the first connections join."""

_PLACES = 2 * CONNECTIONS_OF_PROCESS
"""More than a process has connections."""

_Action = tuple[float, int, Callable[[], None]]
"""When it is due, a number that is never the same, and what is to be done."""


class Load:
    """Runs the processes of a scenario. ``late`` is by how many seconds an action came too late, at most."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._random = Random(1)
        self._population = Population(scenario, self._random)
        self._pool = Pool(scenario.database_connections)
        self._due: list[_Action] = []
        self._beats: list[_Action] = []
        self._numbers = count()
        self._latencies = Latencies()
        self.processes: list[Process] = []
        self.killed: list[Process] = []
        self.late = 0.0
        self.is_started = False

    def fill(self, progress: Callable[[str], None]) -> None:
        """Lets all connections join, as fast as possible."""
        size = self._scenario.connections
        for number in range(self._scenario.processes):
            process = self._start_process()
            for _ in range(size * number // self._scenario.processes, size * (number + 1) // self._scenario.processes):
                process.enter(self._population.next())
            self._pool.wait(_BACKLOG)
            if (number + 1) % max(self._scenario.processes // 10, 1) == 0:
                progress(f"{(number + 1) * size // self._scenario.processes:,} connections have joined")
        self.drain()

    def start(self) -> None:
        """Sends a beat of each process, and begins the beats, joins and leaves."""
        for process in self.processes:
            process.beat()
        self.drain()
        self.is_started = True
        interval, now = beat_interval(), time.monotonic()
        for number, process in enumerate(self.processes):
            self._beat_at(now + interval * number / len(self.processes), partial(self._beat, process))
        self._at(now, partial(self._arrive, now))
        self._at(now, partial(self._depart, now))

    def run(self, until: float, latencies: Latencies) -> None:
        """Runs until the time ``until`` of the monotonic clock."""
        self._latencies = latencies
        for process in self.processes:
            process.latencies = latencies
        while time.monotonic() < until:
            self._pool.check()
            # The timers of real processes do not depend on each other's joins, so beats are never late.
            if not self._run_next(self._beats) and not self._run_next(self._due):
                next_due = min(self._beats[0][0], self._due[0][0], until)
                time.sleep(max(next_due - time.monotonic(), 0))

    def _run_next(self, actions: list[_Action]) -> bool:
        """Runs the first of ``actions`` if it is due. Returns whether it was."""
        late = time.monotonic() - actions[0][0]
        if late < 0:
            return False
        self.late = max(self.late, late)
        heappop(actions)[2]()
        return True

    def stays(self) -> list[int]:
        """Returns the number of stays of all processes that were not killed, and the sum of their sessions."""
        return [sum(each.stays for each in self.processes), sum(each.sessions for each in self.processes)]

    def drain(self) -> None:
        """Waits until all calls are answered."""
        self._pool.wait()

    def deploy(self, seconds: float) -> None:
        """Restarts processes one after the other. Their clients come back soon, to the new process."""
        restarted = self._random.sample(self.processes, self._scenario.restarted)
        now = time.monotonic()
        for number, process in enumerate(restarted):
            at = now + 0.9 * seconds * number / len(restarted)
            self._at(at, partial(self._restart, process, 0.1 * seconds))

    def kill(self, seconds: float) -> None:
        """Kills processes. Their clients come back to new ones within half of the phase."""
        for process in self._random.sample(self.processes, self._scenario.killed):
            process.is_killed = True
            self.processes.remove(process)
            self.killed.append(process)
            self._return(process.connections, self._start_process(), 0.5 * seconds)

    def crowd(self, seconds: float) -> None:
        """Lets people join one room, evenly."""
        now = time.monotonic()
        for number in range(self._scenario.crowd):
            at = now + seconds * number / self._scenario.crowd
            self._at(at, lambda: self._random.choice(self.processes).enter(self._population.one(CROWD)))

    def _start_process(self) -> Process:
        process = Process(self._pool.submit, self._latencies)
        self.processes.append(process)
        if self.is_started:
            self._beat(process)
        return process

    def _restart(self, process: Process, within: float) -> None:
        connections = list(process.connections)
        self.processes.remove(process)
        for connection in connections:
            process.exit(connection)
        process.is_stopped = True
        self._return(connections, self._start_process(), within)

    def _return(self, connections: list[Connection], process: Process, within: float) -> None:
        """Lets the people of ``connections`` join ``process`` with new connections, at random times."""
        now = time.monotonic()
        for connection in connections:
            again = self._population.again(connection.room, connection.user)
            self._at(now + self._random.random() * within, partial(process.enter, again))

    def _beat(self, process: Process) -> None:
        if not process.is_killed and not process.is_stopped:
            process.beat()
            now = time.monotonic()
            self._beat_at(now + beat_interval(), partial(self._beat, process))
            self._beat_at(now + MAX_RETRY_DELAY, partial(self._repeat_beat, process))

    def _repeat_beat(self, process: Process) -> None:
        if process.has_failed_beat and not process.is_stopped:
            process.beat()
            self._beat_at(time.monotonic() + MAX_RETRY_DELAY, partial(self._repeat_beat, process))

    def _arrive(self, when: float) -> None:
        self._random.choice(self.processes).enter(self._population.next())
        self._at_random(self._arrive, when, self._scenario.connections / STAY)

    def _depart(self, when: float) -> None:
        """Lets a random connection leave. Each place of each process has its turn equally often, used or not."""
        process, place = self._random.choice(self.processes), self._random.randrange(_PLACES)
        if place < len(process.connections):
            process.exit(process.connections[place])
        self._at_random(self._depart, when, len(self.processes) * _PLACES / STAY)

    def _at_random(self, action: Callable[[float], None], after: float, rate: float) -> None:
        when = after + self._random.expovariate(rate)
        self._at(when, partial(action, when))

    def _beat_at(self, when: float, action: Callable[[], None]) -> None:
        heappush(self._beats, (when, next(self._numbers), action))

    def _at(self, when: float, action: Callable[[], None]) -> None:
        heappush(self._due, (when, next(self._numbers), action))
