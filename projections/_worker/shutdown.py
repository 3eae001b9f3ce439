"""Ending a process that runs until it is told to stop, at a moment that suits it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Self

__all__ = ["Stop"]


class Stop:
    """Whether SIGTERM or SIGINT has come, for the main thread. The second one interrupts it."""

    def __init__(self) -> None:
        self.requested = False
        # An Event could not be set by a handler that interrupts a wait for it.
        self._asked: SimpleQueue[None] = SimpleQueue()

    @classmethod
    @contextmanager
    def on_signals(cls) -> Iterator[Self]:
        """Within it, neither of the two ends the process."""
        stop, numbers = cls(), (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, stop.request) for number in numbers]
        try:
            yield stop
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def request(self, *_: Any) -> None:
        if self.requested:
            raise KeyboardInterrupt  # whoever asks twice does not want to wait
        self.requested = True
        self._asked.put(None)

    def wait(self, seconds: float) -> bool:
        """Waits that long, or until a stop is requested. Returns whether it is."""
        if not self.requested:
            with suppress(Empty):
                self._asked.get(timeout=seconds)
        return self.requested
