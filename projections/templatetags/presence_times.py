"""Filters that show times in the current time zone, alike in every language: ``2026-03-01 09:00:00``.

Where clocks are set back, one hour occurs twice. Times in it have their offset: ``2026-10-25 02:30:00+01:00``.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.utils.translation import gettext as _

from projections.times import format_duration, is_ambiguous, local

register = template.Library()


@register.filter
def timestamp(time: datetime | None) -> str:
    """Returns ``time`` to the second; nothing for None."""
    return _shown(time).isoformat(" ", "seconds") if time is not None else ""


@register.filter
def timestamp_exact(time: datetime | None) -> str:
    """Returns ``time`` to the microsecond; nothing for None."""
    return _shown(time).isoformat(" ", "microseconds") if time is not None else ""


@register.filter
def duration_to(least: timedelta, most: timedelta) -> str:
    """Returns one duration, or two if they differ to the second: ``0:05:00 to 0:15:00``."""
    return span_of(format_duration(least), format_duration(most))


def span_of(least: str, most: str) -> str:
    """Returns ``least`` and ``most`` as one text, or one of them if they are the same."""
    return least if least == most else _("%(least)s to %(most)s") % {"least": least, "most": most}


def _shown(time: datetime) -> datetime:
    shown = local(time)
    return shown if is_ambiguous(time) else shown.replace(tzinfo=None)
