"""Fetches the users of events together, because receivers that are coroutine functions cannot query for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.db import Error
from django.db.models import prefetch_related_objects

from presence_events.concurrency import in_thread
from presence_events.models import PresenceEvent

__all__ = ["afetch_users", "fetch_users"]

logger = logging.getLogger("projections.signals")

_USER: Any = PresenceEvent._meta.get_field("user")


def fetch_users(events: Iterable[PresenceEvent]) -> None:
    """Caches the users of ``events`` on them: in one query, or in none if they are cached already or anonymous.

    A user who does not exist is None then. Raises what the database of the users raises.
    """
    if unknown := _unknown(events):
        prefetch_related_objects(unknown, "user")


async def afetch_users(events: Iterable[PresenceEvent]) -> None:
    """Like `fetch_users`. If the database fails, it tries once more, then logs that, and raises nothing.

    The receivers are called in any case. Those that use ``user`` fail then.
    """
    unknown = _unknown(events)
    error: Error | None = None
    for _ in range(2 if unknown else 0):
        try:
            await in_thread(lambda: fetch_users(unknown))
        except Error as failure:  # the connection of the thread may have broken while it was idle
            error = failure
        else:
            return
    if error is not None:
        logger.warning("The users of %s events could not be fetched for receivers: %s", len(unknown), error)


def _unknown(events: Iterable[PresenceEvent]) -> list[PresenceEvent]:
    return [event for event in events if event.user_id is not None and not _USER.is_cached(event)]
