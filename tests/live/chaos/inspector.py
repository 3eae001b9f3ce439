"""Compares the tables with the log for each line of its input: ``python -m tests.live.chaos.inspector``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parent.parent.parent.parent


class Inspector:
    """The inspecting process. It keeps running, because its start takes most of the time of a check."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.live.chaos.inspector"],
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def assert_live_is_the_fold(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("check\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "live is the fold\n", "see the standard error of the inspector"

    def end(self) -> None:
        self._process.communicate()


def main() -> None:
    import django

    django.setup()

    from django.db import connection

    from projections.replay.snapshot import snapshot
    from tests.fold import assert_live_is_the_fold

    for _ in sys.stdin:
        # Servers send heartbeats all the time.
        with snapshot("default"):
            assert_live_is_the_fold()
        connection.close()
        print("live is the fold", flush=True)


if __name__ == "__main__":
    main()
