"""Formats times for addresses, for pages and for the browser's drawing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as fixed_offset
from typing import Any

from django.conf import settings
from django.utils import timezone

__all__ = [
    "EPOCH",
    "aware",
    "current_zone",
    "format_duration",
    "is_ambiguous",
    "local",
    "microseconds",
    "url_value",
    "zone_name",
]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_A_MICROSECOND = timedelta(microseconds=1)


def current_zone() -> tzinfo:
    """Returns the time zone for showing times and for reading naive ones. Without ``USE_TZ``, the site's."""
    return timezone.get_current_timezone() if settings.USE_TZ else timezone.get_default_timezone()


def aware(time: datetime) -> datetime:
    """Returns ``time``, in the current time zone if it is naive."""
    return time if timezone.is_aware(time) else timezone.make_aware(time, current_zone())


def local(time: datetime) -> datetime:
    """Returns ``time`` converted to the current time zone."""
    return aware(time).astimezone(current_zone())


def is_ambiguous(time: datetime) -> bool:
    """Returns whether the local reading of ``time`` occurs twice because clocks are set back."""
    shown = local(time)
    # The two offsets also differ where clocks are set forward, but no existing time has such a reading.
    return shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()


def url_value(value: Any) -> str:
    """Returns ``value`` as an address writes it. Times are in UTC, so an address means the same in every time zone."""
    if not isinstance(value, datetime):
        return str(value)
    return aware(value).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def microseconds(time: datetime) -> int:
    """Returns the microseconds from 1970 to ``time``. A double holds them exactly for the next two centuries."""
    return (aware(time) - EPOCH) // _A_MICROSECOND


def zone_name() -> str:
    """Returns the current time zone by a name or an offset that browsers understand."""
    zone = current_zone()
    if isinstance(zone, fixed_offset) and zone is not UTC:
        return EPOCH.astimezone(zone).isoformat()[-6:]
    return str(zone)


def format_duration(duration: timedelta) -> str:
    """Returns ``duration`` as ``hours:minutes:seconds``, without fractions."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
