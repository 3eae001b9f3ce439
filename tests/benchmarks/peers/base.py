"""What a peer can do."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.visits import Visit


class Peer:
    """The synchronous methods and their coroutine twins do the same. ``size`` counts the bytes of the peer's trail."""

    server = "BENCHMARK_POSTGRES_PID"
    """The environment variable that names the process which does the server's part."""

    def prepare(self) -> None:
        """Makes the tables, if there are any."""
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def join(self, visit: Visit) -> Any:
        raise NotImplementedError

    def touch(self, visit: Visit) -> Any:
        raise NotImplementedError

    def leave(self, visit: Visit) -> Any:
        """From wherever the connection is, as on a disconnect."""
        raise NotImplementedError

    def remove(self, visit: Visit) -> Any:
        """From that room."""
        raise NotImplementedError

    def prune(self) -> Any:
        """Everyone who was not seen for no time at all, and that is everyone."""
        raise NotImplementedError

    async def ajoin(self, visit: Visit) -> Any:
        raise NotImplementedError

    async def atouch(self, visit: Visit) -> Any:
        raise NotImplementedError

    async def aleave(self, visit: Visit) -> Any:
        raise NotImplementedError

    async def aremove(self, visit: Visit) -> Any:
        raise NotImplementedError

    async def aprune(self) -> Any:
        raise NotImplementedError

    async def present(self) -> int:
        """How many are there: what was measured must have happened."""
        raise NotImplementedError
