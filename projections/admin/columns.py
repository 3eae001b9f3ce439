"""Times in the columns of the lists."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html

from projections.templatetags.presence_times import moment

__all__ = ["clock"]


def clock(time: datetime) -> str:
    """``time`` to the second, in one line or two: dates do not break at their hyphens."""
    date, _, of_day = moment(time).partition(" ")
    return format_html('<span class="presence-time">{}</span> <span class="presence-time">{}</span>', date, of_day)
