"""The standard output of commands that print much."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["CLOSED", "until_read"]

CLOSED = 128 + 13
"""The exit status if whoever reads the output has enough: as after SIGPIPE."""


@contextmanager
def until_read(stdout: Any) -> Iterator[None]:
    """If whoever reads ``stdout`` has enough, the process ends quietly, with the status `CLOSED`."""
    try:
        yield
        stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it exits, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        sys.exit(CLOSED)
