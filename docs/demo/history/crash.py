"""The server crash in the afternoon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from history.stay import MINUTE, SECOND, Stay

CRASH = 15 + 20.4 * MINUTE
RESTART = CRASH + 55 * SECOND
FIRST_PRUNE = RESTART + 4 * SECOND
"""When the new process prunes all silent connections, in one statement."""


def crash(stays: Iterable[Stay], chance: Random) -> Iterator[Stay]:
    """Yields ``stays`` with a server that is unavailable for a minute.

    Connections that were present are pruned, and most rejoin as soon as their browsers notice. Joins are impossible in
    between.
    """
    pruned_at = FIRST_PRUNE
    for stay in stays:
        if stay.joined < CRASH < stay.left:
            pruned_at += chance.uniform(40, 90) * SECOND / 1_000_000
            seen = max(stay.joined, min(stay.seen, CRASH - chance.uniform(0, 5) * SECOND))
            yield stay._replace(seen=seen, left=pruned_at, pruned=True)
        elif not CRASH <= stay.joined < RESTART:
            yield stay
            continue
        if stay.seen > RESTART + 2 * MINUTE and chance.random() < 0.95:
            yield stay._replace(joined=RESTART + chance.triangular(1, 110, 20) * SECOND, away=None)
