"""How far long work is: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import time
from typing import Any, Self

__all__ = ["Progress"]

BAR = 30
"""Characters of a full bar."""

PAUSE = 10.0
"""Seconds between two lines in a log file."""


class Progress:
    """Called with what is done, how much of it, and of how much; writes to ``stream``, standard error as a rule.

    When all is done the bar is gone from the terminal, and at the end of the block too.
    """

    def __init__(self, stream: Any, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._shown = ""
        self._next_line = time.monotonic() + PAUSE

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._erase()

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if self._stream.isatty():
            filled = "#" * (BAR * done // total)
            before, self._shown = self._shown, f"[{filled:<{BAR}}] {100 * done // total:3} %  {what}"
            self._stream.write(f"\r{self._shown:<{len(before)}}", style_func=str, ending="")
            self._stream.flush()
            if done == total:
                self._erase()
        elif time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + PAUSE
            self._stream.write(f"{what}: {done:,} of {total:,}", style_func=str)

    def _erase(self) -> None:
        if self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r", style_func=str, ending="")
            self._shown = ""
