"""What a section needs for its measurements: servers, sizes, workers and progress messages."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from tests.benchmarks.server import Servers
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.worker import Worker


class Bench:
    """Servers, sizes and workers of a run. Workers keep running until the context ends, so sections share them."""

    def __init__(self, servers: Servers, sizes: Sizes) -> None:
        self.servers = servers
        self.sizes = sizes
        self._workers: dict[str, Worker] = {}
        self._start = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for worker in self._workers.values():
            worker.close()
        for worker in self._workers.values():
            worker.wait()

    def workers(self, peers: Iterable[str]) -> dict[str, Worker]:
        """Returns a worker for each of ``peers``, each with its own database on the shared server."""
        return self.prepared({peer: peer for peer in peers})

    def prepared(self, wanted: dict[str, str]) -> dict[str, Worker]:
        """Returns a worker for each peer, by the name of its database, in which no connection is present."""
        new = {name: peer for name, peer in wanted.items() if name not in self._workers}
        if new:
            self.progress(f"preparing {', '.join(new)}")
        for name, peer in new.items():
            self._workers[name] = Worker(peer, self.servers.database(f"benchmark {name}"), self.servers)
        for name in new:
            self._workers[name].ask("prepare")
        for name in new:
            self._workers[name].answer()
        self.servers.checkpoint()
        return {name: self._workers[name] for name in wanted}

    def peers_in_round(self, peers: Iterable[str], turn: int) -> list[str]:
        """Returns the peers that are measured in round ``turn``. The fork is slow, so it has fewer rounds."""
        return [peer for peer in peers if turn < self.sizes.slow_rounds or peer not in ("fork", "audited")]

    def progress(self, message: str) -> None:
        """Prints a progress message to standard error, since standard output contains the results."""
        print(f"{time.monotonic() - self._start:6.0f} s  {message}", file=sys.stderr, flush=True)
