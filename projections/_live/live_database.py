"""The live connections of one event loop in one database, and what serves them there.

A loop has one of these for each database in which one of its connections joined a room. They share nothing, so a
database that is unavailable delays no other.
"""

from __future__ import annotations

from presence_events.recorder import start_beats
from projections._live.background import BackgroundTasks
from projections._live.connection import Connection
from projections._live.heartbeat import Heartbeat
from projections._live.missing_stays import Reviewer
from projections._live.registry import Registry
from projections._live.regroup import Regrouper

__all__ = ["LiveDatabase"]


class LiveDatabase:
    """The connections that joined a room in the database ``using``. Use it in their event loop."""

    def __init__(self, using: str, tasks: BackgroundTasks) -> None:
        self._using = using
        self.registry = Registry()
        self.reviewer = Reviewer(self.registry, tasks, using)
        self.regrouper = Regrouper(self.registry, using)
        self.heartbeat = Heartbeat(self.registry, self.reviewer, self.regrouper, tasks, using)

    def enter(self, connection: Connection) -> None:
        """Registers ``connection``, which is about to join its first room in this database."""
        self.registry.enter(connection)
        self.heartbeat.start()
        start_beats(self._using)

    def exit(self, connection: Connection) -> None:
        """Removes ``connection``, which has ended. Does nothing if it never entered."""
        self.registry.exit(connection)
