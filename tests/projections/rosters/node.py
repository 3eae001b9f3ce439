"""Runs `roster.js` in Node, which Playwright brings with it if the machine has none."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import playwright

STATIC = Path(__file__).parents[3] / "projections" / "static" / "projections"
SCRIPT = Path(__file__).with_name("node_client.mjs")


class NodeClient:
    """A Node process with one `Roster` at a time. The script describes the commands and their answers."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Runs a command and returns its answer. Raises an AssertionError if the process ended."""
        return self.do_all([{"do": command, **arguments}])[0]

    def do_all(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Runs commands and returns their answers. Each names in ``do`` what to do. Raises as `do`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(commands) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node ended with {self._process.wait()} at {commands}"
        answers: list[dict[str, Any]] = json.loads(line)
        return answers


def executable() -> str:
    """Returns the path of Node."""
    return shutil.which("node") or str(Path(playwright.__file__).parent / "driver" / "node")


@contextmanager
def running() -> Iterator[NodeClient]:
    """Starts Node, and ends it after the block."""
    with subprocess.Popen(
        [executable(), str(SCRIPT), str(STATIC / "roster.js")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    ) as process:
        yield NodeClient(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait() == 0
