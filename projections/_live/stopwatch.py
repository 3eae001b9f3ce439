"""Measures elapsed time, also across a suspension of the machine."""

from __future__ import annotations

import time

__all__ = ["Stopwatch"]


class Stopwatch:
    """Measures the seconds since it was created. With ``ago`` it starts that many seconds earlier.

    The monotonic clock stops while the machine is suspended, and the wall clock can be set. The stopwatch reads both
    and takes the longer time.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self, ago: float = 0) -> None:
        self._wall = time.time() - ago
        self._monotonic = time.monotonic() - ago

    def elapsed(self) -> float:
        """Returns the elapsed seconds."""
        return max(time.time() - self._wall, time.monotonic() - self._monotonic)
