"""The horizons of the log: from when on answers are complete, after retention has removed segments."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from presence_events import sql, validation
from presence_events.exceptions import BeforeHorizon
from presence_events.models import Segment

__all__ = ["Horizons", "is_before", "read", "require"]


class Horizons(NamedTuple):
    """The latest time of an event that was removed from each part, or None if nothing was.

    ``position`` is the last position of what was removed from either part, or 0. ``replayed_up_to`` is up to when a
    standby has the log (`replicas`), or None on a primary.
    """

    touches: datetime | None
    stays: datetime | None
    position: int
    replayed_up_to: datetime | None

    def of(self, part: str) -> datetime | None:
        """Returns the horizon of a ``part`` of the log."""
        return self.touches if part == Segment.Part.TOUCHES else self.stays

    @property
    def of_events(self) -> datetime | None:
        """The horizon of all events: the later one of both parts."""
        return max((time for time in (self.touches, self.stays) if time is not None), default=None)


def read(using: str) -> Horizons:
    """Returns the horizons of the log in the database ``using``. Takes one query of a small table."""
    (row,) = sql.rows("presence_events", "queries/segments/horizons", using=using)
    return Horizons(*row)


def is_before(moment: datetime, horizon: datetime | None) -> bool:
    """Returns whether answers about ``moment`` are incomplete."""
    return horizon is not None and validation.aware(moment) < validation.aware(horizon)


def require(moment: datetime, horizon: datetime | None) -> None:
    """Raises `BeforeHorizon` if answers about ``moment`` are incomplete."""
    if horizon is not None and is_before(moment, horizon):
        raise BeforeHorizon(moment, horizon)
