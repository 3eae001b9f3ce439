"""Up to when a replica, a hot standby of PostgreSQL, has the log.

A replica has reached a moment when it has replayed everything that the primary had committed then. It knows this from
the commits that it has replayed, of whatever database. It does not ask the connection to the primary: when that sends
its time, it may not have sent all commits yet, and in a chain of standbys the time is that of the next one. While
nothing is committed on the primary, the time stands still, although nothing is missing. The beats of servers are
commits.
"""

from __future__ import annotations

from datetime import datetime

from presence_events import validation
from presence_events.exceptions import NotYetReplicated
from presence_events.segments import horizon

__all__ = ["replayed_up_to", "require"]


def replayed_up_to(using: str) -> datetime | None:
    """Returns the time, by the primary's clock, up to which the database ``using`` has the log, or None on a primary.

    Statements that run after the call read at least that. The time is unknown, and so 1970, on a replica that has
    replayed no commit since it was started, and in a transaction whose statements share a snapshot (REPEATABLE READ,
    SERIALIZABLE): it may not see what is replayed meanwhile. Takes one query of a small table.
    """
    return horizon.read(using).replayed_up_to


def require(moment: datetime, replayed: datetime | None) -> None:
    """Raises `NotYetReplicated` if a replica that has the log up to ``replayed`` has not reached ``moment``."""
    if replayed is not None and validation.aware(moment) > validation.aware(replayed):
        raise NotYetReplicated(moment, replayed)
