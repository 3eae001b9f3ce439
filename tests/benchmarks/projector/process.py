"""Runs the worker for a measurement."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.server import Servers
from tests.benchmarks.worker import ROOT, environment


@contextmanager
def running(database: str, servers: Servers) -> Iterator[int]:
    """Runs a worker that follows the log of ``database`` while the block runs. Yields its process id."""
    process = subprocess.Popen(
        [sys.executable, "-m", "django", "run_projector"],
        cwd=ROOT,
        env={
            **environment("ours", database, servers),
            "DJANGO_SETTINGS_MODULE": "tests.benchmarks.projector.settings",
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if line != "Following the log.\n":
            raise RuntimeError(f"run_projector printed {line!r}")
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=20)
