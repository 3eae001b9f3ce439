"""A hot standby: a copy of a cluster that replicates it, can be read, and becomes the primary when it is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live.databases import Cluster
from tests.waiting import wait_until


class Standby(Cluster):
    """A standby of ``primary``, with its own directory and socket."""

    def __init__(self, home: Path, primary: Cluster) -> None:
        super().__init__(home)
        self.primary = primary
        self.database = primary.database

    @contextmanager
    def running(self) -> Iterator[Standby]:
        try:
            self._server._make_private(self.home)
            source = f"host={self.primary.home} user=postgres"
            self._server._run(
                "pg_basebackup", "-D", str(self._server.data), "-d", source, "-R", "-c", "fast", "--no-sync"
            )
            self._server.start()
            yield self
        finally:
            self._server.remove()

    def catch_up(self) -> None:
        """Waits until everything that the primary has committed can be read on the standby."""
        ((position,),) = self.primary.query("SELECT pg_current_wal_flush_lsn()::text")
        wait_until(lambda: self.query("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", position) == [(True,)])

    def advance(self) -> None:
        """Commits on the primary, as a beat does, and waits until the standby knows that it has reached this moment."""
        ((moment,),) = self.primary.query("SELECT clock_timestamp() FROM pg_current_xact_id()")
        wait_until(lambda: self.query("SELECT pg_last_xact_replay_timestamp() >= %s", moment) == [(True,)])

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Replays nothing until the block ends."""
        self.query("SELECT pg_wal_replay_pause()")
        wait_until(lambda: self.query("SELECT pg_get_wal_replay_pause_state()") == [("paused",)])
        try:
            yield
        finally:
            self.query("SELECT pg_wal_replay_resume()")

    def promote(self) -> None:
        self._server._run("pg_ctl", "promote", "-w", "-s", "-D", str(self._server.data))
