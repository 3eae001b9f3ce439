"""A pool of threads, each with a database connection, for all simulated processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Queue
from threading import Thread

from django.db import connections

__all__ = ["Pool"]


class Pool:
    """Calls functions in ``size`` threads, in the order in which they were submitted."""

    def __init__(self, size: int) -> None:
        self._waiting: Queue[Callable[[], None]] = Queue()
        self._error: BaseException | None = None
        for _ in range(size):
            Thread(target=self._run, daemon=True).start()

    def submit(self, function: Callable[[], None]) -> None:
        self._waiting.put(function)

    def check(self) -> None:
        """Raises what a function has raised."""
        if self._error is not None:
            raise self._error

    def wait(self, most: int = 0) -> None:
        """Waits until at most ``most`` functions run or wait. Raises what one has raised."""
        while self._waiting.unfinished_tasks > most:
            self.check()
            time.sleep(0.005)
        self.check()

    def _run(self) -> None:
        while True:
            function = self._waiting.get()
            try:
                function()
            except BaseException as error:
                self._error = error
                connections.close_all()
            finally:
                self._waiting.task_done()
