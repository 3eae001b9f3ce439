"""Watching over the server processes: when one dies, everybody who was connected to it is pruned, together.

A process says every `KEEP_ALIVE_INTERVAL` seconds that it is alive (`presence_events.process_registry`). A watch compares what it finds with
what it found before, and needs no clock for it: a process that says nothing new in `CHECKS_UNTIL_DEAD` looks in a row is dead. That
is at most `KEEP_ALIVE_INTERVAL` * (`CHECKS_UNTIL_DEAD` + 1) seconds after its death, 25, if nobody is late. So nobody is pruned because the
database was away, the machine was suspended or somebody else watches now: each look then begins anew, or counts once.
Nor because writes hang that the living would do (a lock on the log, a replica that has to confirm): each look begins
with one, and all begin anew if that takes long.

A process that was only frozen, and goes on, joins its connections again (`projections._live.verdict`).
"""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError, connections, transaction

from presence_events import process_registry, sql
from presence_events.recorder import record_select
from projections import selections

__all__ = ["DeadServerDetector"]

GRACE = 2
"""Times `KEEP_ALIVE_INTERVAL`: what was seen so much later than its process was perhaps seen by it, whose renewals can be late."""

PATIENCE = 1.0
"""Seconds that the watch waits for locks and commits, before it holds those for the reason why somebody seems dead."""

_LOCK_NOT_AVAILABLE = "55P03"

EARLY = 0.1
"""The part of `KEEP_ALIVE_INTERVAL` by which a look may come too early, as timers are not exact."""


class DeadServerDetector:
    """Over the processes in the database ``using``."""

    def __init__(self, using: str) -> None:
        self._using = using
        self.forget()

    def forget(self) -> None:
        """Nothing is known of anybody any more: the next look is the first."""
        self._looked: float | None = None
        self._found: dict[str, tuple[int, int]] = {}

    def look(self) -> int:
        """Prunes who was connected to processes that are dead. Returns how many connections that were.

        To be called every `KEEP_ALIVE_INTERVAL` seconds; what comes earlier does nothing. If it raises, what was known is forgotten.
        """
        now = time.monotonic()
        if self._looked is not None and now - self._looked < process_registry.KEEP_ALIVE_INTERVAL * (1 - EARLY):
            return 0
        try:
            pruned = self._look()
        except BaseException:
            self.forget()
            raise
        self._looked = now
        return pruned

    def _look(self) -> int:
        if not self._can_write():
            self.forget()
            return 0
        found: dict[str, tuple[int, int]] = {}
        dead: dict[str, int] = {}
        for name, seen in self._rows("processes"):
            before, looks = self._found.get(name, (None, -1))
            looks = looks + 1 if seen == before else 0
            found[name] = seen, looks
            if looks >= process_registry.CHECKS_UNTIL_DEAD:
                dead[name] = seen
        self._found = found
        if not dead:
            return 0
        names, seen_at, grace = list(dead), list(dead.values()), GRACE * process_registry.KEEP_ALIVE_INTERVAL
        pruned = len(record_select(selections.prune_dead_servers(names, seen_at, grace), using=self._using))
        self._rows("forget_processes", {"names": names, "seen": seen_at, "grace": grace})
        return pruned

    def _can_write(self) -> bool:
        """Whether a write, as the living do it, is soon committed. Waits for the commit, however long that takes."""
        began = time.perf_counter()
        try:
            with transaction.atomic(self._using), connections[self._using].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE:g}s"])
                self._rows("test_write")
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            return False
        return time.perf_counter() - began < PATIENCE

    def _rows(self, query: str, params: dict[str, Any] | None = None) -> list[Any]:
        return sql.rows("projections", f"queries/dead_servers/{query}", params, using=self._using)
