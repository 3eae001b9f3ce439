"""Limits a directory to one process at a time. It uses only the standard library."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(RuntimeError):
    """Another process uses the directory. The message names it."""


@contextmanager
def instance_lock(directory: Path) -> Iterator[None]:
    """Locks ``directory``, which is created if necessary, while the block runs.

    Raises `AlreadyRunning` if another process has the lock. The system releases the lock when the process ends, however
    it ends.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise AlreadyRunning(f"process {file.read()} is running on {directory}. Stop that one first.") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
