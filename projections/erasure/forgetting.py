"""Forgets stays without history some time after their end: who they were, and what their data said.

Rooms are without history by ``CHANNELS_PRESENCE_PRIVACY``. Their stays have negative numbers.
"""

from __future__ import annotations

from presence_events import sql
from presence_events.privacy import daily
from projections.retention.removing import operator

__all__ = ["MIN_AGE", "forget", "forget_stays"]

MIN_AGE: float = 3600.0
"""Seconds from the end of a stay until it is forgotten, at least. Signals and marks of rosters need it until then."""

BATCH = 5000
"""Stays that are forgotten in one transaction."""


def forget(using: str) -> None:
    """Forgets what is over: whom the daily pseudonyms of past days stand for, and stays without history.

    Call it once an hour. Does nothing that the role may not do. Raises what the database raises.
    """
    daily.forget(using)
    forget_stays(using)


def forget_stays(using: str, *, min_age: float = MIN_AGE) -> int:
    """Forgets the stays without history that ended ``min_age`` seconds ago, and returns their number.

    Each stay is forgotten as a whole: its events have no user, and `{}` in place of data. Seals remain valid. A stay is
    left as it is while a hold keeps a segment with one of its events. After an error, the next call continues. Does
    nothing if the role may not do it: the GRANT file ``projections grants/app`` allows it.
    """
    if sql.rows("projections", "queries/erasure/may_forget", using=using) != [(True,)]:
        return 0
    params = {"min_age": min_age, "at_most": BATCH, "operator": operator()}
    total = 0
    while True:
        ((found,),) = sql.rows_of_now("projections", "queries/erasure/forget_stays", params, using=using)
        forgotten = int(found)
        total += forgotten
        if forgotten < BATCH:
            return total
