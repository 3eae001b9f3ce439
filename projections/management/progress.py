"""Shows the progress of long work: a bar on a terminal, an occasional line in a log file."""

from __future__ import annotations

import time
from typing import Any, Self

__all__ = ["Progress"]

BAR_WIDTH = 30
"""Characters in a full bar."""

LINE_INTERVAL = 10.0
"""Seconds between two lines in a log file."""


class Progress:
    """Writes progress to ``stream``, usually standard error. With ``quiet``, writes nothing.

    Call it with what is done, the amount done and the total amount. The bar is erased when all is done, and at the end
    of the ``with`` block in any case.
    """

    def __init__(self, stream: Any, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._shown = ""
        self._next_line = time.monotonic() + LINE_INTERVAL

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._erase()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if self._stream.isatty():
            filled = "#" * (BAR_WIDTH * done // total)
            before, self._shown = self._shown, f"[{filled:<{BAR_WIDTH}}] {100 * done // total:3} %  {what}"
            self._stream.write(f"\r{self._shown:<{len(before)}}", style_func=str, ending="")
            self._stream.flush()
            if done == total:
                self._erase()
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + LINE_INTERVAL
            self._stream.write(f"{what}: {done:,} of {total:,}", style_func=str)

    def _erase(self) -> None:
        if self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r", style_func=str, ending="")
            self._shown = ""
