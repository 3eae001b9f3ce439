"""How long ago something was, as a process knows it."""

from __future__ import annotations

import time

__all__ = ["Stopwatch"]


class Stopwatch:
    """Now, or so many seconds ago.

    Of the time that the machine is suspended the monotonic clock knows nothing, and the other one may be set: whichever
    says more is believed.
    """

    __slots__ = ("_monotonic", "_wall")

    def __init__(self, ago: float = 0) -> None:
        self._wall = time.time() - ago
        self._monotonic = time.monotonic() - ago

    def age(self) -> float:
        """In seconds."""
        return max(time.time() - self._wall, time.monotonic() - self._monotonic)
