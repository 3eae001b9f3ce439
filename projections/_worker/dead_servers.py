"""Detects dead server processes, and prunes the connections of each together.

A server process renews its lease with a beat at least every `MAX_BEAT_INTERVAL` seconds
(`presence_events.processes.registry`). The detector compares each lease with what it read before, and compares no
clocks: a process whose lease did not change in `CHECKS_UNTIL_DEAD` checks in a row is dead. This is noticed at most
`CHECK_INTERVAL` * (`CHECKS_UNTIL_DEAD` + 1) seconds after its death, 30, if checks are on time.

The detector counts from the beginning in these cases, so that no live connection is pruned:

- A check failed, because the database was unavailable.
- Another worker has become the leader.
- Another transaction has locked the lease of the process: this process counts from the beginning.
- A write takes long or cannot get its lock, for example because the log is locked or a synchronous replica does not
  confirm. Live processes could not renew their leases either. Each check begins with such a write.

A suspended machine delays a check, and a delayed check counts once.

A process that was only frozen joins its connections again when it goes on (`projections._live.verdict`).
"""

from __future__ import annotations

import time
from typing import Any

from django.db import OperationalError, connections, transaction

from presence_events import sql
from presence_events.processes import registry
from presence_events.recorder import record_select
from projections import selections

__all__ = ["GRACE", "DeadServerDetector"]

GRACE = 2 * registry.MAX_BEAT_INTERVAL
"""Seconds. A touch that is at most this much later than the last beat of a process may come from that process, since
beats can be late. A later touch comes from elsewhere."""

WRITE_TIMEOUT = 1.0
"""Seconds that a check waits for a lock, and that its write may take, before it counts no process as silent."""

INTERVAL_TOLERANCE = 0.1
"""The part of `CHECK_INTERVAL` by which a check may come too early, as timers are not exact."""

_LOCK_NOT_AVAILABLE = "55P03"


class DeadServerDetector:
    """Checks the server processes in the database ``using``."""

    def __init__(self, using: str) -> None:
        self._using = using
        self.reset()

    def reset(self) -> None:
        """Forgets all earlier checks. The next check is the first."""
        self._checked_at: float | None = None
        self._found: dict[str, tuple[int, int]] = {}

    def check(self) -> int:
        """Prunes the connections of dead processes. Returns how many were pruned.

        Call it every `CHECK_INTERVAL` seconds; a call that comes earlier does nothing and returns 0. If it raises,
        the detector is `reset`.
        """
        now = time.monotonic()
        interval = registry.CHECK_INTERVAL * (1 - INTERVAL_TOLERANCE)
        if self._checked_at is not None and now - self._checked_at < interval:
            return 0
        try:
            pruned = self._check()
        except BaseException:
            self.reset()
            raise
        self._checked_at = now
        return pruned

    def _check(self) -> int:
        renewable = self._renewable()
        if renewable is None:
            self.reset()
            return 0
        found: dict[str, tuple[int, int]] = {}
        dead: dict[str, int] = {}
        for name, seen in self._rows("processes"):
            before, checks = self._found.get(name, (None, -1))
            checks = checks + 1 if seen == before else 0
            if name not in renewable:
                checks = -1
            found[name] = seen, checks
            if checks >= registry.CHECKS_UNTIL_DEAD:
                dead[name] = seen
        self._found = found
        if not dead:
            return 0
        names, seen_at = list(dead), list(dead.values())
        pruned = len(record_select(selections.prune_dead_servers(names, seen_at, GRACE), using=self._using))
        params = {"names": names, "seen": seen_at, "grace": GRACE}
        sql.rows_of_now("projections", "queries/dead_servers/end_leases", params, using=self._using)
        return pruned

    def _renewable(self) -> set[str] | None:
        """Returns the processes that can renew their leases now, because no other transaction has locked these.

        Returns None if a write like that of a live process does not commit within `WRITE_TIMEOUT`. It waits for the
        commit however long that takes.
        """
        began = time.perf_counter()
        try:
            with transaction.atomic(self._using), connections[self._using].cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{WRITE_TIMEOUT:g}s"])
                # The savepoint is rolled back, so the beats of all processes do not wait for the commit.
                with transaction.atomic(self._using):
                    names = {name for (name,) in self._rows("test_write")}
                    transaction.set_rollback(True, using=self._using)
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            return None
        return names if time.perf_counter() - began < WRITE_TIMEOUT else None

    def _rows(self, query: str, params: dict[str, Any] | None = None) -> list[Any]:
        return sql.rows("projections", f"queries/dead_servers/{query}", params, using=self._using)
