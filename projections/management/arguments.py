"""What several commands take on the command line."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils import timezone

from presence_events import validation
from presence_events.exceptions import InvalidRoomName, InvalidUser

__all__ = ["MOMENT", "moment", "room", "user_key"]

MOMENT = "ISO 8601, like 2026-03-01T09:00+01:00, 2026-03-01T09:00 or 2026-03-01; without an offset in TIME_ZONE"
"""How a time is written, for the help of a command."""

_A_DAY = timedelta(days=1)


def moment(text: str) -> datetime:
    """The time that ``text`` says in ISO 8601; a date is its midnight. A type for argparse.

    Without an offset it is a time in the site's ``TIME_ZONE``. One that is skipped or comes twice there, when clocks
    are changed, is refused. Always aware; whether it is in the future is for the command to look at.
    """
    try:
        when = datetime.fromisoformat(text)
        # There are times before and after it, whatever is done with it.
        _ = when - _A_DAY, when + _A_DAY
    except (ValueError, OverflowError):
        raise ArgumentTypeError(f"{text!r} is not a time: write {MOMENT}.") from None
    return when if timezone.is_aware(when) else _on_site(when)


def room(text: str) -> str:
    """``text``, if a room can be called that. A type for argparse."""
    try:
        return validation.room_name(text)
    except InvalidRoomName as error:
        raise ArgumentTypeError(str(error)) from None


def user_key(text: str) -> Any:
    """The primary key of a user, who need not exist. A type for argparse."""
    try:
        return validation.user_key(text)
    except InvalidUser as error:
        raise ArgumentTypeError(str(error)) from None


def _on_site(when: datetime) -> datetime:
    zone = timezone.get_default_timezone()
    one, other = when.replace(tzinfo=zone), when.replace(tzinfo=zone, fold=1)
    if one.utcoffset() == other.utcoffset():
        return one
    skipped = one.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when
    what = "does not exist" if skipped else "comes twice"
    offsets = " or ".join(time.isoformat() for time in (one, other))
    raise ArgumentTypeError(f"{when.isoformat(' ')} {what} in {zone}: add an offset, as in {offsets}.")
