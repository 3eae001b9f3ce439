"""All of it together, and one round of it: load, a fault, calm, and the checks."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

from tests.live.chaos.checks import Heard, Log, complaints
from tests.live.chaos.clients import Crowd
from tests.live.chaos.inspector import Inspector
from tests.live.chaos.processes import LAYERS, Process, Server, Valkey, Worker
from tests.live.databases import Cluster
from tests.waiting import wait_until

_USERS = "accounts_account" if os.environ.get("PRESENCE_TEST_USER") == "uuid" else "auth_user"

PATIENCE = 60.0
"""Seconds after which something that should come does not, on a machine that is busy with other things."""


class Fault(NamedTuple):
    """``strike`` does it, and returns when the time began ``within`` which all has to be right again, in seconds.

    ``excused`` are the lines that processes may print because of it, as regular expressions.
    """

    name: str
    strike: Callable[[World], float]
    within: float
    excused: tuple[str, ...] = ()


class Figures(NamedTuple):
    """Of one round. ``present``, ``told`` and ``signalled`` are seconds: until the tables said who was connected,
    until everyone in a room could be told something, and until the receivers had heard of every join and end."""

    fault: str
    present: float
    told: float
    signalled: float
    events: int
    signals: int
    repeated: int
    answered: int


class World:
    """``every`` is how often servers say that they are alive, and looked at, in seconds; ``max_age`` is the setting."""

    def __init__(
        self,
        home: Path,
        *,
        layer: str,
        sockets: int,
        seed: int,
        every: float,
        max_age: float,
        lasting: bool = True,
        pause: float = 0.5,
    ) -> None:
        self.taken_for_dead: list[float] = []
        self.every = every
        self.layer = layer
        self.failed = False
        self.max_age = max_age
        self.dice = random.Random(f"faults {seed}")
        self.servers: dict[str, Server] = {}
        self.workers: list[Worker] = []
        home.mkdir(parents=True, exist_ok=True)
        self.cluster = Cluster(home / "postgres")
        self.valkey = Valkey(lasting=lasting)
        self._home = home
        self._names = count(1)
        self._log = Log(self.cluster)
        self._heard = Heard()
        self._counted = self._verified = 0
        self._killed: set[Worker] = set()
        self.crowd = Crowd(sockets, max(sockets // 8, 3), f"{seed}", pause, self._addresses)

    @contextmanager
    def running(self) -> Iterator[World]:
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
                    self.crowd.come()
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

    def _server(self, kind: str) -> Server:
        name = f"{kind}-{next(self._names)}"
        return Server(kind, name, self._home / f"{name}.log", self._environment())

    def start_server(self, kind: str) -> None:
        server = self._server(kind)
        server.wait_until_it_answers()
        self.servers[kind] = server

    def start_worker(self) -> None:
        name = f"worker-{next(self._names)}"
        log, heard = self._home / f"{name}.log", self._home / f"{name}.heard"
        self.workers.append(Worker(name, log, heard, WORKER_ARGUMENTS, self._environment()))

    def leader(self) -> Worker:
        """The worker that follows the log."""

        def found() -> list[Worker]:
            rows = self.cluster.query(
                "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) "
                "WHERE locktype = 'advisory' AND granted AND application_name LIKE 'worker-%%'"
            )
            return [worker for worker in self.workers if (worker.name,) in rows]

        leader: Worker = wait_until(found, PATIENCE)[0]
        return leader

    def processes(self) -> list[Process]:
        """Those that should live."""
        return [*self.servers.values(), *(worker for worker in self.workers if worker not in self._killed)]

    def kill_worker(self, worker: Worker) -> None:
        self._killed.add(worker)
        worker.kill()

    def present_of(self, channels: list[str]) -> int:
        """How many presences there are of ``channels``."""
        return int(self.cluster.query("SELECT count(*) FROM presence WHERE channel_name = ANY(%s)", channels)[0][0])

    def wait_for_answers(self, number: int) -> None:
        """Waits until so many more calls are answered."""
        already = len(self.crowd.journal)
        wait_until(lambda: self.crowd.view() and len(self.crowd.journal) >= already + number, PATIENCE)

    def be_under_load(self, share: float) -> None:
        """Until a random number of calls is answered, at most ``share`` for each client."""
        size = len(self.crowd.clients)
        self.wait_for_answers(self.dice.randint(size // 4, int(size * share)))

    def round(self, fault: Fault) -> Figures:
        """One fault under load, and all that has to hold after it."""
        self.failed = True
        lines, repeated = self._heard.lines, self._heard.repeated
        self.crowd.go()
        self.be_under_load(3)
        self.assert_quiet()
        began = fault.strike(self)
        self.be_under_load(1)
        self.crowd.hold()
        present = self._wait_for(self._rightly_present, fault) - began
        told = self._wait_for(self._all_told, fault) - began
        signalled = self._wait_for(self._all_signalled, fault) - began
        assert self._rightly_present()
        self.assert_quiet(fault.excused)
        calls, events = self.crowd.journal[self._verified :], self._log.read()
        self._log.assert_holds(calls)
        self._inspector.assert_live_is_the_fold()
        self.crowd.wake()
        figures = Figures(
            fault.name,
            present,
            told,
            signalled,
            events - self._counted,
            self._heard.lines - lines,
            self._heard.repeated - repeated,
            len(calls),
        )
        self._verified += len(calls)
        self._counted = events
        assert max(present, told, signalled) <= fault.within, figures
        self.failed = False
        return figures

    def _wait_for(self, condition: Callable[[], bool], fault: Fault) -> float:
        """When it has come true."""
        wait_until(condition, fault.within + PATIENCE)
        return time.monotonic()

    def _rightly_present(self) -> bool:
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

    def _all_told(self) -> bool:
        view = self.crowd.view()
        assert not view.unsettled, view.unsettled[:3]
        wrong = self.crowd.tell_all()
        assert not wrong, (len(wrong), wrong[:3])
        return self.crowd.view() == view

    def _all_signalled(self) -> bool:
        self._log.read()
        self._heard.read(self.workers)
        missing = self._heard.missing(self._log)
        assert not missing, (len(missing), missing[:3])
        return True

    def assert_quiet(self, excused: tuple[str, ...] = ()) -> None:
        """Nobody has died or complained since the last time."""
        dead = [process.name for process in self.processes() if not process.is_alive]
        said = complaints(self.processes(), (*CALM, *excused))
        assert not dead, (dead, said)
        assert not said, (len(said), [f"{line[:200]} ... {line[-500:]}" for line in said[:5]])

    def stop(self) -> None:
        """Whoever is asked to end does so in order, as long as nobody is doing anything. Clients do not come back."""
        wait_until(self._rightly_present, PATIENCE)
        self.crowd.comes_back = False
        for process in self.processes():
            code, said = process.stop(), complaints([process], (*CALM, REFUSED))
            # uvicorn, when it has shut down, ends by the signal that told it to.
            assert code == 0 or (process.name.startswith("uvicorn") and code == -15), (process.name, code, said)
            assert not said, said[:5]


CALM = (r"Following the log\.$", r"Standing by\.$", r"Stopped\.$")
"""What workers say of themselves."""

REFUSED = (
    r"ERROR uvicorn\.error: Exception in ASGI application.*RuntimeError: Expected ASGI message 'websocket\.accept'"
)
"""uvicorn does not take what a consumer says whose client has gone before it was accepted."""

WORKER_ARGUMENTS = ["--prune"]
