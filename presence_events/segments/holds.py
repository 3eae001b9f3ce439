"""Legal holds: as long as one is in force, retention removes nothing of what it covers. They remain as a record."""

from __future__ import annotations

from datetime import date

from django.db import IntegrityError, transaction
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from presence_events.exceptions import HoldNotChangeable
from presence_events.models import Hold

__all__ = ["in_force", "place", "release"]


def in_force(using: str) -> list[Hold]:
    """Returns the holds that have not been released, in the order in which they were placed."""
    return list(Hold.objects.using(using).filter(released_at=None).order_by("id"))


def place(name: str, from_day: date | None = None, *, using: str) -> Hold:
    """Places a hold on the events that were appended on ``from_day`` (in UTC) or later, or on all without it.

    It does not bring back what was removed before, and a removal that has begun is completed. Raises
    `HoldNotChangeable` if the name is empty or a hold of this name is in force.
    """
    if not name.strip():
        raise HoldNotChangeable("The name is empty.")
    try:
        with transaction.atomic(using):
            return Hold.objects.using(using).create(name=name, from_day=from_day)
    except IntegrityError:
        raise HoldNotChangeable(f"The hold {name!r} is in force already.") from None


def release(name: str, *, using: str) -> None:
    """Releases the hold ``name``. Raises `HoldNotChangeable` if no hold of this name is in force."""
    changed = Hold.objects.using(using).filter(name=name, released_at=None)
    if not changed.update(released_at=Now(), released_by=RawSQL("SESSION_USER", ())):
        raise HoldNotChangeable(f"No hold {name!r} is in force.")
