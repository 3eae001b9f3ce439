"""One process at a time, on one directory. Only the standard library is used here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunning(RuntimeError):
    """Another process has the directory. The message says so."""


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keeps others out of ``directory`` while the block runs. Raises `AlreadyRunning` if somebody is in there.

    The system lets go of the lock when the process ends, however it ends.
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
