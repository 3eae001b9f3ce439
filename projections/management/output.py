"""Standard output that the reader may close early."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["CLOSED_PIPE_STATUS", "closed_pipe_exits"]

CLOSED_PIPE_STATUS = 128 + 13
"""The exit status after the reader closed the output, like that of a process which SIGPIPE ended."""


@contextmanager
def closed_pipe_exits(stdout: Any) -> Iterator[None]:
    """Exits quietly with `CLOSED_PIPE_STATUS` if the reader of ``stdout`` closes it.

    Flushes at the end of the block, so that a closed pipe is noticed there.
    """
    try:
        yield
        stdout.flush()
    except BrokenPipeError:
        # Python flushes again when it exits, and would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
        sys.exit(CLOSED_PIPE_STATUS)
