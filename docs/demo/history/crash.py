"""The server died in the afternoon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random

from history.stay import MINUTE, SECOND, Stay

DOWN = 15 + 20.4 * MINUTE
UP = DOWN + 55 * SECOND
SWEEP = UP + 4 * SECOND
"""When the new process first looks who is silent, and prunes all of them in one statement."""


def crash(stays: Iterable[Stay], chance: Random) -> Iterator[Stay]:
    """``stays`` as they went on with a server that was gone for a minute.

    Whoever was there is pruned, and most are back as soon as their browsers have noticed. Nobody can join meanwhile.
    """
    swept = SWEEP
    for stay in stays:
        if stay.joined < DOWN < stay.left:
            swept += chance.uniform(40, 90) * SECOND / 1_000_000
            seen = max(stay.joined, min(stay.seen, DOWN - chance.uniform(0, 5) * SECOND))
            yield stay._replace(seen=seen, left=swept, pruned=True)
        elif not DOWN <= stay.joined < UP:
            yield stay
            continue
        if stay.seen > UP + 2 * MINUTE and chance.random() < 0.95:
            yield stay._replace(joined=UP + chance.triangular(1, 110, 20) * SECOND, away=None)
