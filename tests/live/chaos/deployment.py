"""The deployment, and one round of a chaos test: load, a fault, a pause of the load, and the checks."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.live.chaos.checks import Log, ReceivedSignals, unexpected_lines
from tests.live.chaos.clients import Crowd
from tests.live.chaos.inspector import Inspector
from tests.live.chaos.processes import LAYERS, Process, Server, Valkey, Worker
from tests.live.databases import Cluster
from tests.waiting import wait_until

_USERS = "accounts_account" if os.environ.get("PRESENCE_TEST_USER") == "uuid" else "auth_user"

WAIT_TIMEOUT = 60.0
"""Seconds after which a condition counts as failed, on a busy machine."""


class Fault(NamedTuple):
    """A fault. Everything has to be correct again ``within`` so many seconds after the time that ``inject`` returns.

    ``excused`` are regular expressions for the lines that processes may print because of the fault.
    """

    name: str
    inject: Callable[[Deployment], float]
    within: float
    excused: tuple[str, ...] = ()


class Figures(NamedTuple):
    """The figures of one round.

    Three of them are seconds. ``present``: until the presences match the connected clients. ``reachable``: until a
    message to a room reaches all its clients. ``signalled``: until the receivers have received every join and end.
    """

    fault: str
    present: float
    reachable: float
    signalled: float
    events: int
    signals: int
    repeated: int
    answered: int


class Deployment:
    """All processes, and the clients.

    ``every`` is the interval of the checks for dead servers, in seconds; the servers send beats half as often.
    ``max_age`` is the setting CHANNELS_PRESENCE_MAX_AGE.
    """

    def __init__(
        self,
        home: Path,
        *,
        layer: str,
        sockets: int,
        seed: int,
        every: float,
        max_age: float,
        persistent: bool = True,
        pause: float = 0.5,
        limited: bool = True,
        cluster: Cluster | None = None,
        only_async: bool = False,
    ) -> None:
        """With ``limited``, a round fails if it takes longer than its fault allows, and not only if it never ends.

        ``cluster`` is used instead of a new one. ``only_async`` is that of `Crowd`.
        """
        self._limited = limited
        self.pruned_after: list[float] = []
        self.every = every
        self.layer = layer
        self.failed = False
        self.max_age = max_age
        self.rng = random.Random(f"faults {seed}")
        self.servers: dict[str, Server] = {}
        self.workers: list[Worker] = []
        home.mkdir(parents=True, exist_ok=True)
        self.cluster = cluster or Cluster(home / "postgres")
        self.valkey = Valkey(persistent=persistent)
        self._home = home
        self._names = count(1)
        self._log = Log(self.cluster)
        self._received = ReceivedSignals()
        self._counted_events = self._checked_calls = 0
        self._killed: set[Worker] = set()
        self.crowd = Crowd(sockets, max(sockets // 8, 3), f"{seed}", pause, self._addresses, only_async=only_async)

    @contextmanager
    def running(self) -> Iterator[Deployment]:
        try:
            with self.cluster.running():
                self.valkey.start()
                names = ", ".join(map(repr, self.crowd.users))
                self.cluster.run(
                    "-c",
                    "import django; django.setup(); from django.contrib.auth import get_user_model as model;"
                    f"model().objects.bulk_create(model()(username=name) for name in [{names}])",
                )
                servers = [self._server(kind) for kind in ("uvicorn", "daphne")]
                self.start_worker()
                self.start_worker()
                for server in servers:
                    server.wait_until_it_answers()
                    self.servers[server.kind] = server
                self._inspector = Inspector(self.cluster.environment())
                try:
                    self.crowd.connect_all()
                    yield self
                finally:
                    self._inspector.end()
                    for process in [*servers, *self.servers.values(), *self.workers]:
                        if process.is_alive:
                            process.kill()
                    self.crowd.disperse()
        finally:
            self.valkey.remove()

    def _addresses(self) -> dict[str, str]:
        return {server.name: server.address for server in list(self.servers.values())}

    def _environment(self) -> dict[str, str]:
        return {
            **self.cluster.environment(),
            "DJANGO_SETTINGS_MODULE": "tests.live.chaos.settings",
            "PRESENCE_CHAOS_LAYER": LAYERS[self.layer],
            "PRESENCE_CHAOS_VALKEY": self.valkey.url,
            "PRESENCE_CHAOS_EVERY": str(self.every),
            "PRESENCE_MAX_AGE": str(self.max_age),
        }

    def _server_environment(self, kind: str) -> dict[str, str]:
        return self._environment()

    def _worker_environment(self) -> dict[str, str]:
        return self._environment()

    def _server(self, kind: str) -> Server:
        name = f"{kind}-{next(self._names)}"
        return Server(kind, name, self._home / f"{name}.log", self._server_environment(kind))

    def start_server(self, kind: str) -> None:
        server = self._server(kind)
        server.wait_until_it_answers()
        self.servers[kind] = server

    def start_worker(self) -> None:
        name = f"worker-{next(self._names)}"
        log, signal_file = self._home / f"{name}.log", self._home / f"{name}.signals"
        self.workers.append(Worker(name, log, signal_file, WORKER_ARGUMENTS, self._worker_environment()))

    def leader(self) -> Worker:
        """Returns the worker that follows the log."""

        def found() -> list[Worker]:
            rows = self.cluster.query(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND granted AND application_name LIKE 'worker-%%'"
            )
            return [worker for worker in self.workers if (worker.name,) in rows]

        leader: Worker = wait_until(found, WAIT_TIMEOUT)[0]
        return leader

    def processes(self) -> list[Process]:
        """Returns the processes that should be running."""
        return [*self.servers.values(), *(worker for worker in self.workers if worker not in self._killed)]

    def kill_worker(self, worker: Worker) -> None:
        self._killed.add(worker)
        worker.kill()

    def present_of(self, channels: list[str]) -> int:
        """Returns the number of presences of ``channels``."""
        return int(self.cluster.query("SELECT count(*) FROM presence WHERE channel_name = ANY(%s)", channels)[0][0])

    def wait_for_answers(self, number: int) -> None:
        """Waits until ``number`` more calls are answered."""
        already = len(self.crowd.journal)
        wait_until(lambda: self.crowd.view() and len(self.crowd.journal) >= already + number, WAIT_TIMEOUT)

    def run_load(self, share: float) -> None:
        """Waits until a random number of calls is answered: at most ``share`` for each client on average."""
        size = len(self.crowd.clients)
        self.wait_for_answers(self.rng.randint(size // 4, int(size * share)))

    def round(self, fault: Fault) -> Figures:
        """Injects a fault under load, waits for the recovery and checks everything."""
        self.failed = True
        lines, repeated = self._received.lines, self._received.repeated
        self.crowd.start_load()
        self.run_load(3)
        self.assert_healthy()
        began = fault.inject(self)
        self.run_load(1)
        self.crowd.stop_load()
        present = self._wait_for(self._presences_match, fault) - began
        reachable = self._wait_for(self._all_reachable, fault) - began
        signalled = self._wait_for(self._all_are_signalled, fault) - began
        assert self._presences_match()
        self.assert_healthy(fault.excused)
        calls, events = self.crowd.journal[self._checked_calls :], self._log.read()
        self._log.assert_holds(calls)
        self._inspector.assert_live_is_the_fold()
        self.crowd.wake()
        figures = Figures(
            fault.name,
            present,
            reachable,
            signalled,
            events - self._counted_events,
            self._received.lines - lines,
            self._received.repeated - repeated,
            len(calls),
        )
        self._checked_calls += len(calls)
        self._counted_events = events
        assert max(present, reachable, signalled) <= fault.within or not self._limited, figures
        self.failed = False
        return figures

    def _wait_for(self, condition: Callable[[], bool], fault: Fault) -> float:
        """Waits for ``condition``. Returns the time at which it became true."""
        wait_until(condition, fault.within + WAIT_TIMEOUT)
        return time.monotonic()

    def _presences_match(self) -> bool:
        view = self.crowd.view()
        assert not view.unsettled, view.unsettled[:3]
        for source in ("presence", "presence_at(clock_timestamp())", "presence_session WHERE left_at IS NULL"):
            rows = self.cluster.query(
                f"SELECT room, channel_name, (SELECT username FROM {_USERS} one WHERE one.id = user_id) FROM {source}"
            )
            stays = {(room, channel): user for room, channel, user in rows}
            difference = stays.items() ^ view.stays.items()
            assert not difference, (source, len(stays), len(view.stays), len(difference), list(difference)[:5])
        return self.crowd.view() == view

    def _all_reachable(self) -> bool:
        view = self.crowd.view()
        assert not view.unsettled, view.unsettled[:3]
        wrong = self.crowd.send_to_rooms()
        assert not wrong, (len(wrong), wrong[:3])
        return self.crowd.view() == view

    def _all_are_signalled(self) -> bool:
        self._log.read()
        self._received.read(self.workers)
        missing = self._received.missing(self._log)
        assert not missing, (len(missing), missing[:3])
        return True

    def assert_healthy(self, excused: tuple[str, ...] = ()) -> None:
        """Asserts that no process has ended or printed an unexpected line since the last call."""
        dead = [process.name for process in self.processes() if not process.is_alive]
        lines = unexpected_lines(self.processes(), (*NORMAL_LINES, *excused))
        assert not dead, (dead, lines)
        assert not lines, (len(lines), [f"{line[:200]} ... {line[-2500:]}" for line in lines[:5]])

    def stop(self) -> None:
        """Stops all processes and asserts that each ends in order. There is no load, and clients do not reconnect."""
        wait_until(self._presences_match, WAIT_TIMEOUT)
        self.crowd.reconnects = False
        for process in self.processes():
            code, lines = process.stop(), unexpected_lines([process], (*NORMAL_LINES, REFUSED_ACCEPT))
            # After its shutdown, uvicorn ends itself by the signal that it received.
            assert code == 0 or (process.name.startswith("uvicorn") and code == -15), (process.name, code, lines)
            assert not lines, lines[:5]


NORMAL_LINES = (r"Following the log\.$", r"Standing by\.$", r"Stopped\.$")
"""Lines that workers print in normal operation."""

REFUSED_ACCEPT = (
    r"ERROR uvicorn\.error: Exception in ASGI application.*RuntimeError: Expected ASGI message 'websocket\.accept'"
)
"""uvicorn refuses the messages of a consumer whose client disconnected before it was accepted."""

WORKER_ARGUMENTS = ["--prune"]
