"""Watching over the server processes: when one dies, everybody who was connected to it is pruned, together.

A process says every `EVERY` seconds that it is alive (`presence_events.processes`). A watch compares what it finds with
what it found before, and needs no clock for it: a process that says nothing new in `LOOKS` looks in a row is dead. That
is at most `EVERY` * (`LOOKS` + 1) seconds after its death, 25, if nobody is late. So nobody is pruned because the
database was away, the machine was suspended or somebody else watches now: each look then begins anew, or counts once.
Nor because writes hang that the living would do (a lock on the log, a replica that has to confirm): each look begins
with one, and all begin anew if that takes long.

A process that was only frozen, and goes on, joins its connections again (`projections.endings`).
"""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError, connections, transaction

from presence_events import processes, sql
from presence_events.drafts import Selection
from presence_events.recorder import record_select
from projections.endings import SERVER_DIED

__all__ = ["Watch"]

GRACE = 2
"""Times `EVERY`: what was seen so much later than its process was perhaps seen by it, whose renewals can be late."""

PATIENCE = 1.0
"""Seconds that the watch waits for locks and commits, before it holds those for the reason why somebody seems dead."""

_LOCK_NOT_AVAILABLE = "55P03"

EARLY = 0.1
"""The part of `EVERY` by which a look may come too early, as timers are not exact."""


class Watch:
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

        To be called every `EVERY` seconds; what comes earlier does nothing. If it raises, what was known is forgotten.
        """
        now = time.monotonic()
        if self._looked is not None and now - self._looked < processes.EVERY * (1 - EARLY):
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
        for name, seen in self._execute("processes"):
            before, looks = self._found.get(name, (None, -1))
            looks = looks + 1 if seen == before else 0
            found[name] = seen, looks
            if looks >= processes.LOOKS:
                dead[name] = seen
        self._found = found
        if not dead:
            return 0
        which = {"names": list(dead), "seen": list(dead.values()), "grace": GRACE * processes.EVERY}
        selection = Selection(sql.read("projections", "prune_processes"), {**which, "reason": SERVER_DIED})
        pruned = len(record_select(selection, using=self._using))
        self._execute("forget_processes", which)
        return pruned

    def _can_write(self) -> bool:
        """Whether a write, as the living do it, is soon committed. Waits for the commit, however long that takes."""
        began = time.perf_counter()
        try:
            with transaction.atomic(self._using), connections[self._using].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE:g}s"])
                cursor.execute(sql.read("projections", "processes_write"))
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            return False
        return time.perf_counter() - began < PATIENCE

    def _execute(self, query: str, params: dict[str, Any] | None = None) -> list[Any]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(sql.read("projections", query), params)
            return list(cursor.fetchall()) if cursor.description else []
