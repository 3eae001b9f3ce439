"""Schedules final reports."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from presence_events import validation
from presence_events.databases.rooms import alias_of_room
from presence_events.exceptions import InvalidTitle, RoomWithoutHistory
from presence_events.privacy import rules
from projections.attendance.expected import Expected, keys_of
from projections.final_reports.records import ScheduledReport

__all__ = ["MAX_TITLE_CHARS", "schedule_report"]

MAX_TITLE_CHARS: int = 200


def schedule_report(
    room: str | models.Model,
    title: str,
    start: datetime,
    end: datetime,
    expected: Expected | None = None,
    *,
    using: str | None = None,
) -> ScheduledReport:
    """Schedules a final report of ``room``, a name or a `Room`, from ``start`` to ``end``, both aware.

    ``expected`` are the people who should come, as for `projections.attendance.attendance`. They are read now. The span
    may be over: the worker makes the report as soon as it can. ``using`` is the alias of the database; the default is
    that of the room.

    Raises `InvalidRoomName`, `RoomWithoutHistory`, `InvalidTitle`, `InvalidMoment` or `InvalidUser`. Nothing is
    scheduled then.
    """
    name = validation.recorded_room_name(getattr(room, "channel_name", room))
    if not rules.of_room(name).history:
        raise RoomWithoutHistory(f"It is {name!r}.")
    text = title.strip() if isinstance(title, str) else ""
    if not text or len(text) > MAX_TITLE_CHARS or "\x00" in text:
        raise InvalidTitle(f"Got {title!r:.120}.")
    start, end = validation.any_span(start, end)
    keys = None if expected is None else [str(key) for key in keys_of(expected, name)]
    return ScheduledReport.objects.using(using or alias_of_room(name)).create(
        room=name, title=text, starts_at=start, ends_at=end, expected=keys
    )
