"""Lets a long-running process end at a convenient point after SIGTERM or SIGINT."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Self

__all__ = ["ShutdownRequest"]


class ShutdownRequest:
    """Records that the process was asked to stop. Only one thread may `wait` for it."""

    def __init__(self) -> None:
        self.is_requested = False
        # A signal handler cannot set an Event while it interrupts a wait for that Event.
        self._wakeups: SimpleQueue[None] = SimpleQueue()

    @classmethod
    @contextmanager
    def from_signals(cls) -> Iterator[Self]:
        """Handles SIGTERM and SIGINT inside the ``with`` block, which must run in the main thread.

        The first of them requests the shutdown. The second raises KeyboardInterrupt. The previous handlers are restored
        at the end of the block.
        """
        shutdown, numbers = cls(), (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, shutdown.request) for number in numbers]
        try:
            yield shutdown
        finally:
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)

    def request(self, *_: Any) -> None:
        """Requests the shutdown and ends a `wait`. Raises KeyboardInterrupt if it was requested before.

        It takes the arguments of a signal handler and ignores them.
        """
        if self.is_requested:
            raise KeyboardInterrupt  # a second signal means: stop at once
        self.is_requested = True
        self._wakeups.put(None)

    def wait(self, seconds: float) -> bool:
        """Waits for ``seconds`` or until the shutdown is requested. Returns whether it is requested."""
        if not self.is_requested:
            with suppress(Empty):
                self._wakeups.get(timeout=seconds)
        return self.is_requested
