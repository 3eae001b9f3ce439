"""Runs a management command in a separate process: ``python -m tests.benchmarks.command NAME ARGUMENT...``

The last line of the output contains the duration in seconds and the peak memory of the process in bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Run(NamedTuple):
    seconds: float
    memory: int


def run(environment: dict[str, str], *command: str) -> Run:
    """Runs ``command`` and waits for its end. Raises RuntimeError with its standard error if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.command", *command],
        cwd=Path(__file__).parent.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr}")
    return Run(*json.loads(done.stdout.splitlines()[-1]))


def _main(command: list[str]) -> None:
    import django
    from django.core.management import call_command

    django.setup()
    start = time.perf_counter()
    call_command(*command)
    seconds = time.perf_counter() - start
    # The value of getrusage would begin with the memory of the parent process.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps([seconds, int(peak.split()[1]) * 1024]))


if __name__ == "__main__":
    _main(sys.argv[1:])
