"""The live connections of one event loop."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakValueDictionary

from projections import conf
from projections._live.connection import Connection
from projections._live.stopwatch import Stopwatch

__all__ = ["Registry", "find"]


class Registry:
    """The connections that have not ended, each from its first join on. Use it in their event loop only.

    ``last_beat`` was started after the last beat, or with the first connection if there was no beat yet.
    """

    def __init__(self) -> None:
        self.last_beat = Stopwatch()
        self._connections: dict[str, Connection] = {}

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._connections.values())

    def __len__(self) -> int:
        return len(self._connections)

    def enter(self, connection: Connection) -> None:
        """Adds ``connection``, which has its channel name."""
        self._connections[connection.channel_name] = connection
        _by_channel_name[connection.channel_name] = connection

    def exit(self, connection: Connection) -> None:
        """Removes ``connection``. Does nothing if it never entered."""
        self._connections.pop(connection.channel_name, None)

    def get(self, channel_name: str) -> Connection | None:
        """Returns the connection of that name, or None."""
        return self._connections.get(channel_name)

    def has_cancelled(self) -> bool:
        """Returns whether the consumer of a connection is being cancelled. It is about to leave its rooms."""
        return any(connection.task.cancelling() for connection in self)

    def is_stalled(self) -> bool:
        """Returns whether the last beat is older than the maximal age, so that the connections may be expired."""
        return self.last_beat.elapsed() > conf.max_age()


_by_channel_name: WeakValueDictionary[str, Connection] = WeakValueDictionary()


def find(channel_name: str) -> Connection | None:
    """Returns the connection of this process that entered a registry under ``channel_name``, of any event loop.

    Call it in any thread. The connection may have ended, and its loop may be closed.
    """
    return _by_channel_name.get(channel_name)
