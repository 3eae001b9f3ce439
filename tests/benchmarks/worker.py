"""A process for each peer, so that no peer inherits the imports, connections or garbage of another.

The parent writes lines of JSON, each with the name of a method of `tests.benchmarks.jobs.Jobs` and its arguments. The
child answers each with a line that contains the result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

from tests.benchmarks.server import Servers

ROOT = Path(__file__).parent.parent.parent


class WorkerError(RuntimeError):
    """A job failed. The message is the child's traceback."""


class Worker:
    """The parent's handle of the child process. The child ends at the end of its standard input."""

    def __init__(self, peer: str, database: str, servers: Servers) -> None:
        self.peer = peer
        self.database = database
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.worker"],
            cwd=ROOT,
            env=environment(peer, database, servers),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, job: str, **arguments: Any) -> Any:
        self.ask(job, **arguments)
        return self.answer()

    def ask(self, job: str, **arguments: Any) -> None:
        """Starts a job. Its answer must be read before the next job starts."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"job": job, "arguments": arguments}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.peer} ended with status {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.peer}: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """Closes the standard input of the child, which then ends."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        """Waits until the process has ended, and kills it after 20 seconds."""
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def environment(peer: str, database: str, servers: Servers) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.benchmarks.settings",
        "BENCHMARK_PEER": peer,
        "BENCHMARK_DATABASE": database,
        "BENCHMARK_POSTGRES_PID": str(servers.postgres_pid),
        "BENCHMARK_VALKEY_SOCKET": servers.valkey_socket,
        "BENCHMARK_VALKEY_PID": str(servers.valkey_pid),
    }


def _main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that the output of a library is not taken for an answer
    import django

    django.setup()
    from tests.benchmarks.jobs import Jobs

    with Jobs(os.environ["BENCHMARK_PEER"]) as jobs:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                answer = {"result": getattr(jobs, request["job"])(**request["arguments"])}
            except Exception:
                answer = {"error": traceback.format_exc()}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    _main()
