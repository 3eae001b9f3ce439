"""What may enter the log. Each function returns the value in the form the log stores, or raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from presence_events.exceptions import (
    InvalidAge,
    InvalidChannelName,
    InvalidData,
    InvalidMoment,
    InvalidRoomName,
    InvalidSession,
    InvalidUser,
    PresenceError,
)
from presence_events.models import PresenceEvent

MAX_DATA_BYTES = 8192
"""The largest ``data``, in bytes of its JSON text in UTF-8."""

AHEAD = timedelta(minutes=1)
"""How far a clock may be ahead of another: a moment that is no later than this counts as now."""

_A_CENTURY = 100 * 366 * 24 * 3600.0
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_any_layer = BaseChannelLayer()


def room_name(name: Any) -> str:
    """``name``, if the channel layer takes it as a group name; raises `InvalidRoomName` otherwise."""
    return _name(name, _layer().require_valid_group_name, InvalidRoomName)


def channel_name(name: Any) -> str:
    """``name``, if the channel layer takes it as a channel name; raises `InvalidChannelName` otherwise."""
    return _name(name, _layer().require_valid_channel_name, InvalidChannelName)


def _layer() -> Any:
    """One that checks no names, as channels_redis.pubsub, gets those that any layer takes."""
    layer = get_channel_layer()
    return layer if isinstance(layer, BaseChannelLayer) else _any_layer


def _name(name: Any, require: Callable[[Any], Any], error: type[PresenceError]) -> str:
    try:
        require(name)
        # The patterns of Channels let a final newline and digits of other scripts pass.
        if name.isascii() and not name.endswith("\n"):
            return str(name)
    except TypeError:
        pass
    raise error(f"Got {_shown(name)}.")


def user_id(user: Any) -> Any:
    """The key of ``user`` as AUTH_USER_MODEL has it and the database stores it; None for None and for anonymous users.
    Raises `InvalidUser` for the rest."""
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    if not isinstance(user, get_user_model()):
        raise InvalidUser(f"Got {_shown(user)}.")
    key: Any = get_user_model()._meta.pk
    if key.value_from_object(user) is None:
        raise InvalidUser("This one has no primary key: save it first.")
    return key.get_prep_value(key.value_from_object(user))


def user_key(key: Any) -> Any:
    """``key`` as AUTH_USER_MODEL has its primary keys, of a user who need not exist. Raises `InvalidUser`."""
    field: Any = PresenceEvent._meta.get_field("user")
    while field.remote_field:
        field = field.target_field
    try:
        return field.clean(key, None)
    except ValidationError as error:
        raise InvalidUser(f"{_shown(key)} is not the primary key of a user: {' '.join(error.messages)}") from None


def json_text(data: Any) -> str | None:
    """``data`` as JSON text; None (nothing to say) stays None. Raises `InvalidData`."""
    if data is None:
        return None
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(f"{error}.") from None
    if size > MAX_DATA_BYTES:
        raise InvalidData(f"It takes {size} bytes; the limit is {MAX_DATA_BYTES}.")
    if _ESCAPED_NUL.search(text):
        raise InvalidData("It contains the character NUL, which PostgreSQL cannot store.")
    return text


def session(number: Any) -> int | None:
    """``number``, if it can be that of a stay; None stays None. Raises `InvalidSession`."""
    if number is None:
        return None
    if isinstance(number, int) and 0 < number < 2**63:
        return number
    raise InvalidSession(f"Got {_shown(number)}.")


def age(seconds: Any) -> float:
    """``seconds`` as a float, at most a century. Raises `InvalidAge`."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise InvalidAge(f"Got {_shown(seconds)}.")
    if not seconds >= 0 or math.isinf(seconds):
        raise InvalidAge(f"Got {_shown(seconds)}.")
    return float(min(seconds, _A_CENTURY))


def moment(when: Any) -> datetime:
    """``when``, if it is a time of which one can know who was there. Raises `InvalidMoment` if it is naive (unless
    USE_TZ is off, when Django's times are), or in the future."""
    time = _time(when)
    if time > (datetime.now(time.tzinfo) if timezone.is_aware(time) else timezone.now()) + AHEAD:
        raise InvalidMoment(f"{time.isoformat()} is in the future, and nobody knows who will be there.")
    return time


def span(start: Any, end: Any) -> tuple[datetime, datetime]:
    """``start`` and ``end``, if something can be known of the time between them. Raises `InvalidMoment`."""
    start, end = moment(start), _time(end)
    if not _aware(start) < _aware(end):
        raise InvalidMoment(f"{end.isoformat()} does not come after {start.isoformat()}.")
    return start, end


def _time(when: Any) -> datetime:
    if not isinstance(when, datetime):
        raise InvalidMoment(f"Got {_shown(when)}.")
    if settings.USE_TZ and timezone.is_naive(when):
        raise InvalidMoment(f"{when.isoformat()} could be anywhere: django.utils.timezone.make_aware says where.")
    return when


def _aware(time: datetime) -> datetime:
    return time if timezone.is_aware(time) else timezone.make_aware(time)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
