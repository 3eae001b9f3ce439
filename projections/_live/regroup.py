"""Adds live connections to the groups of their rooms again, because channel layers forget.

A layer drops memberships after a day (``group_expiry``), and when it is emptied or restarted without its data.
"""

from __future__ import annotations

from functools import partial

from presence_events.concurrency import in_thread
from projections._delivery import groups
from projections._delivery.absence import absent
from projections._live.registry import Registry

__all__ = ["HEARTBEATS_PER_RENEWAL", "Regrouper"]

HEARTBEATS_PER_RENEWAL = 6
"""Heartbeats in which the groups of every connection are renewed once. A connection that its layer has forgotten misses
group messages for at most twice the maximal age."""


class Regrouper:
    """Renews the groups of the connections of a registry, in the database ``using``. Use it in their event loop."""

    def __init__(self, registry: Registry, using: str) -> None:
        self._registry = registry
        self._using = using
        self._turn = 0

    async def renew(self) -> None:
        """Adds the next part of the connections to the groups of their rooms, and makes the pending discards.

        Connections may join and leave meanwhile. Therefore presence is queried after the groups were changed, and the
        groups are corrected to match the database. Raises what the query raises: the discards are retried later then.
        """
        self._turn = (self._turn + 1) % HEARTBEATS_PER_RENEWAL
        due = [each for each in self._registry if hash(each.channel_name) % HEARTBEATS_PER_RENEWAL == self._turn]
        for each in due:
            each.remember_layer()
        pairs = {(stay.room, each.channel_name) for each in due for stay in each.stays(self._using)}
        if pairs:
            await groups.reconcile(pairs, self._using, present=True)
        pairs |= groups.take_pending_discards(self._using)
        try:
            gone = await self._absent(pairs)
        except BaseException:
            groups.remember_pending_discards(pairs, self._using)
            raise
        if gone:
            await groups.reconcile(gone, self._using, present=False)
            back = gone - await self._absent(gone)
            if back:
                await groups.reconcile(back, self._using, present=True)

    async def _absent(self, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return await in_thread(partial(absent, pairs, self._using)) if pairs else pairs
