"""Cells that several lists of the admin show."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html

from projections.templatetags.presence_times import timestamp

__all__ = ["time_cell"]


def time_cell(time: datetime) -> str:
    """Returns ``time`` to the second. The line may break between date and time, but not at the hyphens of the date."""
    date, _, time_of_day = timestamp(time).partition(" ")
    return format_html('<span class="presence-time">{}</span> <span class="presence-time">{}</span>', date, time_of_day)
