"""ASGI servers in separate processes, on loopback, with the test database."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlencode

from django.db import connection

from tests.waiting import wait_until

_ROOT = Path(__file__).parent.parent.parent
_APPLICATION = "tests.live.app.asgi:application"

_UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "{port}", "--no-access-log")
_GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--no-control-socket")

# The timeouts allow for a busy machine. The backlog holds all clients of a test that connect at the same time.
_COMMANDS = {
    "daphne": (
        *("-m", "daphne", "--endpoint", "tcp:port={port}:interface=127.0.0.1:backlog=1024"),
        *("--websocket_connect_timeout", "60", "--application-close-timeout", "60", _APPLICATION),
    ),
    "uvicorn": (*_UVICORN, "--timeout-graceful-shutdown", "10", _APPLICATION),
}
KINDS = tuple(_COMMANDS)
"""The servers of the tests that need hundreds of sockets and the details of one server."""

_COMMANDS |= {
    f"uvicorn-{protocol}": (*_UVICORN, "--timeout-graceful-shutdown", "10", "--ws", protocol, _APPLICATION)
    for protocol in ("websockets", "websockets-sansio", "wsproto")
}
_COMMANDS |= {
    "gunicorn-uvicorn": (*_GUNICORN, "--graceful-timeout", "10", "-k", "uvicorn_worker.UvicornWorker", _APPLICATION),
    # It always waits for as long as that, and then ends without its consumers.
    "gunicorn-asgi": (*_GUNICORN, "--graceful-timeout", "1", "-k", "asgi", _APPLICATION),
    "hypercorn": ("-m", "hypercorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "2", _APPLICATION),
    "granian": ("-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", "{port}", _APPLICATION),
}
ALL_KINDS = ("daphne", *(kind for kind in _COMMANDS if kind not in KINDS))
"""Every server that the documentation names."""


class Server:
    """A server that runs `tests.live.app`, with one worker process. Its output goes to the file ``log``."""

    def __init__(
        self, kind: str, log: Path, *arguments: str, wait: bool = True, port: int | None = None, **variables: str
    ) -> None:
        """Starts the server. ``arguments`` are added to the command, ``variables`` to the environment.

        With ``wait=False`` it returns before the server answers: call `wait_until_it_answers`. It uses a free port
        unless one is given.
        """
        self.kind = kind
        self.log = log
        self.port = free_port() if port is None else port
        command = [
            sys.executable,
            *(("-W", "error") if kind in KINDS else ()),  # some of the others use what is deprecated
            *(part.format(port=self.port) for part in _COMMANDS[kind]),
            *arguments,
        ]
        environment = {
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "tests.live.app.settings",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "",  # tests with a browser set it for themselves
            "PYTHONFAULTHANDLER": "1",
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        try:
            wait_until(self._answers)
        except BaseException:
            self.stop()
            print(self.output())
            raise

    def get(self, path: str) -> str:
        """Returns the body of the response to a GET. Fails if its status is not 200."""
        http = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            http.request("GET", path)
            response = http.getresponse()
            body = response.read().decode()
        finally:
            http.close()
        assert response.status == 200, f"{path}: {response.status} {body}"
        return body

    def open_sockets(self) -> int:
        """Returns how many consumers have not returned yet: at 0, no handler and no receiver is at work."""
        return int(self.get("/open"))

    def prune(self, age: float) -> str:
        """Runs prune_presences in the server's process, which has its own channel layer. Returns the output."""
        return self.get(f"/prune?age={age}")

    def open_gate(self) -> None:
        """Resumes the consumers that wait in the middle of a handler."""
        self.get("/gate")

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def pause(self) -> None:
        """Suspends the process until `resume`, as a suspended machine does."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the process with SIGKILL, so that it cannot record leaves."""
        self._end(signal.SIGKILL)

    def kill_group(self) -> None:
        """Ends the server and the processes that it has started with SIGKILL. They may have ended already."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _end(self, signal_number: signal.Signals) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal_number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # shows where its threads are
            self.process.wait()
            print(self.output())
            raise

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"{self.kind} ended with status {self.process.returncode}"
        try:
            return self.open_sockets() == 0
        except ConnectionError:
            return False


def database_url() -> str:
    """Returns the URL of the test database, in the form that `tests.settings` reads."""
    settings = connection.settings_dict
    account = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'])}@:{settings['PORT']}"
    options = urlencode({"host": settings["HOST"], **settings["OPTIONS"]})
    return f"postgresql://{account}/{quote(settings['NAME'])}?{options}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
