"""What a section needs to measure: the servers, the sizes, the workers, and a line that says how far it is."""

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
    """A context manager: workers live until its end, so that sections need not prepare them again."""

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
            worker.dismiss()
        for worker in self._workers.values():
            worker.wait()

    def workers(self, peers: Iterable[str]) -> dict[str, Worker]:
        """A worker for each of ``peers``, with a database of its own on the one server."""
        return self.prepared({peer: peer for peer in peers})

    def prepared(self, wanted: dict[str, str]) -> dict[str, Worker]:
        """A worker for each peer, by the name of its database. Nobody is present in it."""
        new = {name: peer for name, peer in wanted.items() if name not in self._workers}
        if new:
            self.say(f"preparing {', '.join(new)}")
        for name, peer in new.items():
            self._workers[name] = Worker(peer, self.servers.database(f"benchmark {name}"), self.servers)
        for name in new:
            self._workers[name].ask("prepare")
        for name in new:
            self._workers[name].answer()
        self.servers.checkpoint()
        return {name: self._workers[name] for name in wanted}

    def turns(self, peers: Iterable[str], turn: int) -> list[str]:
        """Who measures in that round, where rounds of the fork take long."""
        return [peer for peer in peers if turn < self.sizes.slow_rounds or peer not in ("fork", "audited")]

    def say(self, what: str) -> None:
        """Progress, on standard error: standard output holds the results."""
        print(f"{time.monotonic() - self._start:6.0f} s  {what}", file=sys.stderr, flush=True)
