"""The operations of a peer."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.visits import Visit


class Peer:
    """The operations that are measured. Each synchronous method and its coroutine twin do the same."""

    server = "BENCHMARK_POSTGRES_PID"
    """The environment variable that contains the process id of the peer's server."""

    def prepare(self) -> None:
        """Creates the tables, if the peer has any."""
        from django.core.management import call_command

        call_command("migrate", verbosity=0)

    def join(self, visit: Visit) -> Any:
        raise NotImplementedError

    def touch(self, visit: Visit) -> Any:
        raise NotImplementedError

    def leave(self, visit: Visit) -> Any:
        """Makes the connection leave all rooms, as on a disconnect."""
        raise NotImplementedError

    def remove(self, visit: Visit) -> Any:
        """Makes the connection leave one room."""
        raise NotImplementedError

    def prune(self) -> Any:
        """Prunes with a maximal age of 0, and so all connections."""
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
        """Returns the number of present connections, to check that the measured operations took effect."""
        raise NotImplementedError
