"""Times as they stand in addresses and in what the browser draws."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from datetime import timezone as fixed_offset
from typing import Any

from django.conf import settings
from django.utils import timezone

__all__ = ["EPOCH", "aware", "is_ambiguous", "lasting", "local", "microseconds", "written", "zone"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_A_MICROSECOND = timedelta(microseconds=1)


def current() -> tzinfo:
    """The time zone in which times are shown, and in which those are that have none: without ``USE_TZ``, the site's."""
    return timezone.get_current_timezone() if settings.USE_TZ else timezone.get_default_timezone()


def aware(time: datetime) -> datetime:
    return time if timezone.is_aware(time) else timezone.make_aware(time, current())


def local(time: datetime) -> datetime:
    """``time`` in the current time zone."""
    return aware(time).astimezone(current())


def is_ambiguous(time: datetime) -> bool:
    """Whether what the clock shows at ``time`` comes twice, when clocks are set back."""
    shown = local(time)
    # Where clocks are set forward the two offsets differ as well, but no time there is has such a reading.
    return shown.replace(fold=0).utcoffset() != shown.replace(fold=1).utcoffset()


def written(value: Any) -> str:
    """``value`` as it stands in an address. Times are in UTC, so that the address says the same to everyone."""
    if not isinstance(value, datetime):
        return str(value)
    return aware(value).astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def microseconds(time: datetime) -> int:
    """``time`` since 1970 in microseconds, as the browser counts: exact in a double for the next two centuries."""
    return (aware(time) - EPOCH) // _A_MICROSECOND


def zone() -> str:
    """The current time zone, by the name or the offset that browsers know it by."""
    here = current()
    if isinstance(here, fixed_offset) and here is not UTC:
        return EPOCH.astimezone(here).isoformat()[-6:]
    return str(here)


def lasting(duration: timedelta) -> str:
    """``duration`` in hours, minutes and seconds, as a clock would show it."""
    minutes, seconds = divmod(int(duration.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
