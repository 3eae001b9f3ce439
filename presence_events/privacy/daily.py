"""Daily pseudonyms: keys of users that stand for a user on one day, in UTC. The database makes them.

They can be told from keys of users, and from pseudonyms of erased persons, by their form: a negative odd number, a UUID
that begins with ``da117000``, or a text that begins with ``daily-``.
"""

from __future__ import annotations

from typing import Any

from presence_events import sql
from presence_events.privacy.forms import DAILY

__all__ = ["forget", "is_daily"]


def is_daily(key: Any) -> bool:
    """Returns whether ``key``, a key of a user as Python has it, is a daily pseudonym."""
    return DAILY.fits(key)


def forget(using: str) -> None:
    """Deletes what tells which users the pseudonyms of past days stand for, in the database ``using``.

    Does nothing if the role may not record pseudonyms.
    """
    if sql.rows("presence_events", "queries/privacy/may_forget", using=using) == [(True,)]:
        sql.rows("presence_events", "queries/privacy/forget", using=using)
