"""An ASGI server in a separate process, on loopback."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection

from tests.benchmarks.endtoend import cores
from tests.benchmarks.server import Servers
from tests.benchmarks.worker import ROOT, environment

_APPLICATION = "tests.benchmarks.endtoend.app:application"
_TIMEOUT = 300
# Servers must not close sockets that are slow to answer a ping: with the fork, five thousand messages take long.
_COMMANDS = {
    "uvicorn": (
        *("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--backlog", "4096"),
        *("--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "10"),
        *("--ws-ping-timeout", "300", _APPLICATION),
    ),
    "daphne": (
        *("daphne", "--endpoint", "tcp:port={port}:interface=127.0.0.1:backlog=4096", "--verbosity", "0"),
        *("--websocket_connect_timeout", "60", "--application-close-timeout", "60"),
        *("--ping-timeout", "300", _APPLICATION),
    ),
}


@contextmanager
def running(
    kind: str, consumers: Mapping[str, str], databases: Mapping[str, str], servers: Servers
) -> Iterator[dict[str, Server]]:
    """Runs a server for each echo consumer. ``consumers`` maps it to the peer whose apps and database it uses."""
    started = {name: Server(kind, name, peer, databases[peer], servers) for name, peer in consumers.items()}
    try:
        for server in started.values():
            server.wait_until_empty()
        yield started
    finally:
        for server in started.values():
            server.close()
        for server in started.values():
            server.wait()


class Server:
    """A server that runs the echo ``consumer`` with the apps and the database of ``peer``."""

    def __init__(self, kind: str, consumer: str, peer: str, database: str, servers: Servers) -> None:
        self.port = _free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed and deleted with this object
        with cores.on_server_core():
            self._process = subprocess.Popen(
                [sys.executable, "-m", *(part.format(port=self.port) for part in _COMMANDS[kind])],
                cwd=ROOT,
                env={**environment(peer, database, servers), "BENCHMARK_CONSUMER": consumer},
                stdin=subprocess.PIPE,  # the server stops at its end, however this process ended
                stdout=self._log,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_empty(self) -> None:
        """Waits until every consumer has returned, and so has finished its work at the end of the socket."""
        deadline = time.monotonic() + _TIMEOUT
        while self._open_sockets() != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"Consumers are still running after {_TIMEOUT} s.\n{self.output()}")
            time.sleep(0.02)

    def output(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-4000:]

    def close(self) -> None:
        """Closes the standard input of the server, which then ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        """Waits until the process has ended, and kills it after 20 seconds."""
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _open_sockets(self) -> int | None:
        if self._process.poll() is not None:
            raise RuntimeError(f"The server ended with status {self._process.returncode}.\n{self.output()}")
        http = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            http.request("GET", "/open")
            return int(http.getresponse().read())
        except ConnectionError:
            return None
        finally:
            http.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
