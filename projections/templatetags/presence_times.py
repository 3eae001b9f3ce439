"""Times on pages, in the current time zone and alike in every language: ``2026-03-01 09:00:00``.

Where clocks are set back, the hour that comes twice has its offset with it: ``2026-10-25 02:30:00+01:00``.
"""

from __future__ import annotations

from datetime import datetime

from django import template

from projections.times import is_ambiguous, local

register = template.Library()


@register.filter
def moment(time: datetime | None) -> str:
    """``time`` to the second."""
    return _local(time).isoformat(" ", "seconds") if time is not None else ""


@register.filter
def exact(time: datetime | None) -> str:
    """``time`` to the microsecond."""
    return _local(time).isoformat(" ", "microseconds") if time is not None else ""


def _local(time: datetime) -> datetime:
    shown = local(time)
    return shown if is_ambiguous(time) else shown.replace(tzinfo=None)
