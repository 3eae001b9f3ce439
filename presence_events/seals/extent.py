"""Up to which moment the log is sealed."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from presence_events.models import PresenceEvent, StoredSeal
from presence_events.segments.catalogue import MayContain

__all__ = ["Extent", "extent"]


class Extent(NamedTuple):
    """How much of the log is sealed."""

    up_to: datetime
    """The time of the last event that is sealed and still in the log."""
    goes_on_at: datetime | None
    """The time of the first event that is not sealed, or None if all are."""

    def covers(self, moment: datetime) -> bool:
        """Returns whether all events up to ``moment`` are sealed."""
        return self.goes_on_at is None or moment < self.goes_on_at


def extent(using: str) -> Extent | None:
    """Returns how much of the log of the database ``using`` is sealed, or None if nothing is.

    It knows what the database says about itself. Only a verification shows that this is true.
    """
    last = StoredSeal.objects.using(using).order_by("-number").values_list("up_to", flat=True).first()
    if last is None:
        return None
    events = PresenceEvent.objects.using(using)
    sealed = events.filter(MayContain("id", after=last - 1, up_to=last), id=last)
    earlier = events.filter(MayContain("id", up_to=last), id__lt=last).order_by("-id")
    up_to = sealed.values_list("at", flat=True).first() or earlier.values_list("at", flat=True).first()
    if up_to is None:
        return None
    later = events.filter(MayContain("id", after=last), id__gt=last).order_by("id")
    return Extent(up_to, later.values_list("at", flat=True).first())
