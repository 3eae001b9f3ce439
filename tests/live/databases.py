"""PostgreSQL servers that a test may stop, kill and freeze, and a PgBouncer in front of one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from tests.postgres import embedded
from tests.waiting import wait_until

_ROOT = Path(__file__).parent.parent.parent
_OPTIONS = ("-c", "fsync=off", "-c", "max_connections=60")
"""Committed transactions survive a ``kill -9`` of the server, but not a power failure."""


class Cluster:
    """A PostgreSQL server that no other test module uses. Its databases have the tables of the project."""

    def __init__(self, home: Path, options: tuple[str, ...] = (), programs: Path | None = None) -> None:
        self._server = embedded.Postgres(home, options=(*_OPTIONS, *options), programs=programs)
        self._numbers = count()
        self.home: Path = self._server.home
        self.database = "postgres"

    @contextmanager
    def running(self) -> Iterator[Cluster]:
        """Runs the server, with migrated tables, until the block ends."""
        try:
            self._server.start()
            self.run("-m", "django", "migrate", "--verbosity", "0", "--skip-checks")
            yield self
        finally:
            self._server.remove()

    @contextmanager
    def empty(self) -> Iterator[Cluster]:
        """Runs the server like `running`, but without the tables."""
        try:
            self._server.start()
            yield self
        finally:
            self._server.remove()

    def use_new_database(self) -> None:
        """Creates an empty database with all tables, which all methods use from now on."""
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
        """Runs Python with this database in the settings. Fails if the process writes to standard error."""
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
        """Returns the process ids of the backends of the database, without that of this query."""
        return [
            pid
            for (pid,) in self.query(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ]

    def stop(self) -> None:
        self._server.stop("fast")

    def start(self) -> None:
        """Starts the server again, once the processes that survived the last one have ended."""

        def started() -> bool:
            try:
                self._server.start()
            except embedded.PostgresError as error:
                print(error)
                return False
            return True

        wait_until(started)

    def kill(self) -> None:
        """Sends SIGKILL to the postmaster. The other processes end when they notice."""
        os.kill(self._postmaster(), signal.SIGKILL)

    def kill_a_backend(self) -> None:
        """Sends SIGKILL to one backend. The server then ends all the others and recovers."""
        os.kill(self.backends()[0], signal.SIGKILL)

    def terminate_backends(self) -> None:
        self.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Makes the database read-only, as a former primary is after a failover."""
        name = self.database
        with psycopg.connect(self.url("template1"), autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')  # type: ignore[arg-type]
            self.terminate_backends()
            yield
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')  # type: ignore[arg-type]

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Suspends all processes of the server. Connections stay open but nothing answers, as in a network failure."""
        processes = [self._postmaster(), *self.backends()]
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)

    def _postmaster(self) -> int:
        return int((self._server.data / "postmaster.pid").read_text().splitlines()[0])


class PgBouncer:
    """PgBouncer in transaction mode, with `CONNECTIONS` connections to each database of ``cluster``."""

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
        owner = self.cluster.home.stat()
        account: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
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
        """Kills the process. Every connection breaks."""
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
