"""Times as they stand in addresses and in what the browser draws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as fixed_offset
from typing import Any

from django.utils import timezone

__all__ = ["EPOCH", "lasting", "microseconds", "written", "zone"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_A_MICROSECOND = timedelta(microseconds=1)


def written(value: Any) -> str:
    """``value`` as it stands in an address. Times are in UTC, so that the address says the same to everyone."""
    if not isinstance(value, datetime):
        return str(value)
    return _aware(value).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def microseconds(time: datetime) -> int:
    """``time`` since 1970 in microseconds, as the browser counts: exact in a double for the next two centuries."""
    return (_aware(time) - EPOCH) // _A_MICROSECOND


def zone() -> str:
    """The current time zone, by the name or the offset that browsers know it by."""
    current: tzinfo = timezone.get_current_timezone()
    if isinstance(current, fixed_offset) and current is not UTC:
        return EPOCH.astimezone(current).isoformat()[-6:]
    return str(current)


def lasting(duration: timedelta) -> str:
    """``duration`` in hours, minutes and seconds, as a clock would show it."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _aware(time: datetime) -> datetime:
    return time if timezone.is_aware(time) else timezone.make_aware(time)
