"""An event loop with a clock of its own: waiting takes no time."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class _Clock(selectors.DefaultSelector):
    """Waits for files by advancing the clock."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "The loop waits for something that will never happen."
        self.now += timeout
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop that advances its clock to the next timer as soon as nothing else is left to do."""

    def __init__(self) -> None:
        self._clock = _Clock()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def monotonic() -> float:
    """Returns the time of the running loop."""
    return asyncio.get_running_loop().time()
