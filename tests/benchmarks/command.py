"""A management command in a process of its own: ``python -m tests.benchmarks.command NAME ARGUMENT...``

The last line that it prints has the seconds that the command took and the most memory that the process had, in bytes.
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
    """Runs ``command`` and waits for its end. If it fails, its output is the message."""
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
    # Not that of getrusage, which begins with what the parent had.
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    print(json.dumps([seconds, int(peak.split()[1]) * 1024]))


if __name__ == "__main__":
    _main(sys.argv[1:])
