"""Who is missing from a room now. A page learns it from its roster: see docs/howto/attendance-pages.md."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import models

from presence_events import validation
from presence_events.concurrency import in_thread
from projections.attendance.expected import Expected, keys_of
from projections.attendance.reading import database_of
from projections.models import Presence

__all__ = ["amissing_now", "missing_now"]


def missing_now(room: str | models.Model, expected: Expected, *, using: str | None = None) -> tuple[Any, ...]:
    """Returns the keys of the users in ``expected`` who have no connection in ``room`` now, in their order.

    The arguments are those of `attendance`. Raises `InvalidRoomName` and `InvalidUser`. All expected users are missing
    from a room that does not exist.
    """
    name = validation.recorded_room_name(getattr(room, "channel_name", room))
    keys = keys_of(expected, name)
    presences = Presence.objects.using(database_of(room, using)).filter(room=name, user_id__isnull=False)
    present = set(presences.values_list("user_id", flat=True))
    return tuple(key for key in keys if key not in present)


async def amissing_now(room: str | models.Model, expected: Expected, *, using: str | None = None) -> tuple[Any, ...]:
    return await in_thread(partial(missing_now, room, expected, using=using))
