"""Databases that may be stopped, killed and frozen, and processes that record into them meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, LiteralString, Self

import psycopg

from tests.live.recording import ROOMS, Call, Plan
from tests.postgres import embedded
from tests.waiting import wait_until

_ROOT = Path(__file__).parent.parent.parent
_OPTIONS = ("-c", "fsync=off", "-c", "max_connections=60")
"""What was committed outlives a ``kill -9`` of the server, though not a power failure."""

_EXPECTED = (
    "WARNING presence_events._recording.group_commit: The database 'default' is away,",
    "WARNING presence_events.process_registry: ",  # it cannot say that it is alive
    "WARNING psycopg.pool: ",
)
"""What is logged, a line each, of a database that does not answer."""


class Cluster:
    """A PostgreSQL that no other test uses. Its databases have the tables of the project."""

    def __init__(self, home: Path) -> None:
        self._server = embedded.Postgres(home, options=_OPTIONS)
        self._numbers = count()
        self.home: Path = self._server.home
        self.database = "postgres"

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        try:
            self._server.start()
            self.run("-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
            yield self
        finally:
            self._server.remove()

    @contextmanager
    def empty(self) -> Iterator[Cluster]:
        """As `running`, but without the tables."""
        try:
            self._server.start()
            yield self
        finally:
            self._server.remove()

    def use_new_database(self) -> None:
        """From now on everything is about an empty database with all tables."""
        self.database = "postgres"
        name = f"presence_{next(self._numbers)}"
        with psycopg.connect(self.url("template1"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE postgres')  # type: ignore[arg-type]
        self.database = name

    def url(self, database: str | None = None, port: int = 5432) -> str:
        return f"postgresql://postgres@/{database or self.database}?host={self.home}&port={port}"

    def environment(self, port: int = 5432) -> dict[str, str]:
        url = f"postgresql://postgres@:{port}/{self.database}?host={self.home}"
        return {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}

    def run(self, *arguments: str, port: int = 5432) -> None:
        """Runs Python with the database as that of the settings. A single word on standard error is an error."""
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=_ROOT,
            env=self.environment(port),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stderr

    def query(self, statement: LiteralString, *parameters: Any, port: int = 5432) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(port=port), autocommit=True, prepare_threshold=None) as connection:
            return connection.execute(statement, parameters).fetchall()

    def backends(self) -> list[int]:
        """The processes that serve connections to the database."""
        return [
            pid
            for (pid,) in self.query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ]

    def stop(self) -> None:
        self._server.stop("fast")

    def start(self) -> None:
        """Starts the server again, once those are gone who outlived it."""

        def started() -> bool:
            try:
                self._server.start()
            except embedded.PostgresError as error:
                print(error)
                return False
            return True

        wait_until(started)

    def kill(self) -> None:
        """``kill -9`` for the server's first process; the others notice sooner or later."""
        os.kill(self._first_process(), signal.SIGKILL)

    def kill_a_backend(self) -> None:
        """``kill -9`` for one connection's process: the server ends all others and recovers."""
        os.kill(self.backends()[0], signal.SIGKILL)

    def terminate_backends(self) -> None:
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """As after a failover, for those who are still connected to the old server."""
        name = self.database
        with psycopg.connect(self.url("template1"), autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')  # type: ignore[arg-type]
            self.terminate_backends()
            yield
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')  # type: ignore[arg-type]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Connections stay open and nobody answers, as if the machine or the network had gone."""
        processes = [self._first_process(), *self.backends()]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def _first_process(self) -> int:
        return int((self._server.data / "postmaster.pid").read_text().splitlines()[0])


class PgBouncer:
    """PgBouncer in transaction mode, with few connections to the databases of ``cluster``."""

    PORT = 6432
    CONNECTIONS = 3

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self._process: subprocess.Popen[bytes] | None = None
        self._configuration = cluster.home / "pgbouncer.ini"
        self._configuration.write_text(
            f"""
[databases]
* = host={cluster.home} port=5432 user=postgres
[pgbouncer]
unix_socket_dir = {cluster.home}
listen_port = {self.PORT}
auth_type = any
pool_mode = transaction
default_pool_size = {self.CONNECTIONS}
max_client_conn = 100
server_login_retry = 0.2
"""
        )
        self._configuration.chmod(0o644)

    @staticmethod
    def program() -> str | None:
        return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

    def start(self) -> None:
        program = self.program()
        assert program is not None
        whose = self.cluster.home.stat()
        account: dict[str, Any] = {"user": whose.st_uid, "group": whose.st_gid, "extra_groups": []}
        with (self.cluster.home / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, str(self._configuration)],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                **(account if os.geteuid() == 0 else {}),
            )
        wait_until(self._answers)

    def stop(self) -> None:
        """Every connection breaks."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextmanager
    def running(self) -> Iterator[PgBouncer]:
        try:
            self.start()
            yield self
        finally:
            self.stop()

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.cluster.home / "pgbouncer.log").read_text()
        try:
            return self.cluster.query("SELECT 1", port=self.PORT) == [(1,)]
        except psycopg.OperationalError:
            return False


class Load:
    """A process of `tests.live.recording`. Whatever it writes to its standard error is an error,
    but for what is logged of a database that is away."""

    def __init__(self, cluster: Cluster, directory: Path, name: str = "load", port: int = 5432, **plan: Any) -> None:
        self.plan = Plan(name=name, file=str(directory / f"{name}.jsonl"), **plan)
        self.most_waiting = 0
        self._stopped = False
        self._read = 0
        self._calls: list[Call] = []
        self._errors = directory / f"{name}.stderr"
        Path(self.plan.file).touch()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "tests.live.recording", self.plan.json()],
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
        """Those made so far that have ended."""
        with Path(self.plan.file).open() as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind("\n") + 1]
        self._read += len(whole)
        self._calls += [Call(*json.loads(line)) for line in whole.splitlines()]
        return self._calls

    def wait_for_answers(self, number: int = 1000, timeout: float = 40) -> None:
        """Waits until so many calls that begin from now on are answered: all is well."""
        self._wait(lambda call: call.error is None, number, timeout)

    def wait_for_errors(self, number: int = 1) -> None:
        self._wait(lambda call: call.error is not None, number, 40)

    def _wait(self, condition: Callable[[Call], bool], number: int, timeout: float) -> None:
        now = time.monotonic()  # of which there is one for all processes

        def come() -> bool:
            assert self._process.poll() is None, self._errors.read_text()
            return sum(call.began > now and condition(call) for call in self.calls()) >= number

        wait_until(come, timeout)

    def stop(self) -> None:
        """Ends the event loops. The process stays."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("stop\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._errors.read_text()
        self.most_waiting = json.loads(line)["most_waiting"]
        self._stopped = True

    def end(self, timeout: float = 20) -> None:
        """Ends the process, after `stop` if need be, in order."""
        if not self._stopped:
            self.stop()
        self._process.communicate(timeout=timeout)
        assert self._process.returncode == 0
        assert not [line for line in self._errors.read_text().splitlines() if not line.startswith(_EXPECTED)]


def assert_kept(cluster: Cluster, *loads: Load, exactly: bool = False) -> None:
    """What was answered is what the log and the tables say, connection by connection, and these two agree.

    ``exactly``: nobody had an error, and every single answer and touch is right too.
    """
    cluster.run("-c", "import django; django.setup(); import tests.fold; tests.fold.assert_live_is_the_fold()")
    joins: Counter[tuple[str, str]] = Counter()
    touches: Counter[str] = Counter()
    for room, channel, kind, number in cluster.query(
        "SELECT room, channel_name, kind, count(*) FROM presence_event GROUP BY 1, 2, 3"
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
    """Whether the connection may be in ``room`` after ``calls``, and the least and the most joins on the way to it.

    A call that had an error may have been recorded or not.
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
