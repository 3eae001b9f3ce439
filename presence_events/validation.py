"""Validates what enters the log. Each function returns the value as the log stores it, or raises a `PresenceError`.

The database has the same rules for names and data: the fold refuses what breaks them. Python applies them earlier, for
better messages, and also refuses names that the channel layer does not accept.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from channels.layers import BaseChannelLayer, get_channel_layer
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import Model
from django.utils import timezone

from presence_events.databases import write_alias
from presence_events.exceptions import (
    InvalidAge,
    InvalidCapacity,
    InvalidChannelName,
    InvalidData,
    InvalidExclusive,
    InvalidMoment,
    InvalidRoomName,
    InvalidSession,
    InvalidUser,
    PresenceError,
)
from presence_events.models import PresenceEvent
from presence_events.schema.json_data import MAX_BYTES, MAX_LEVELS, shape_of

MAX_NAME_BYTES = 255
"""The limit for names of rooms and connections, in bytes. Most channel layers have a lower limit."""

MAX_CLOCK_SKEW = timedelta(minutes=1)
"""How far the clock of a caller may be ahead. A moment that is not further in the future than this counts as now."""

_MAX_AGE = 100 * 366 * 24 * 3600.0
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_default_layer = BaseChannelLayer()


def room_name(name: Any) -> str:
    """Returns ``name`` if the channel layer accepts it as a group name. Raises `InvalidRoomName`."""
    return _name(name, _layer().require_valid_group_name, InvalidRoomName)


def recorded_room_name(name: Any) -> str:
    """Returns ``name`` if a room in the log can have it. Raises `InvalidRoomName`.

    Plain SQL can record joins in rooms that the channel layer does not accept. The database allows 1 to 255 bytes.
    """
    try:
        if 0 < len(name.encode()) <= MAX_NAME_BYTES and "\0" not in name:
            return str(name)
    except (AttributeError, UnicodeEncodeError):
        pass
    raise InvalidRoomName(f"Rooms of plain SQL have names of 1 to {MAX_NAME_BYTES} bytes. Got {_shortened(name)}.")


def channel_name(name: Any) -> str:
    """Returns ``name`` if the channel layer accepts it as a channel name. Raises `InvalidChannelName`."""
    return _name(name, _layer().require_valid_channel_name, InvalidChannelName)


def _layer() -> Any:
    """Returns the channel layer, or Channels' base class if the layer checks no names (channels_redis.pubsub)."""
    layer = get_channel_layer()
    return layer if isinstance(layer, BaseChannelLayer) else _default_layer


def _name(name: Any, require: Callable[[Any], Any], error: type[PresenceError]) -> str:
    try:
        require(name)
        # The patterns of Channels accept a final newline and digits of other scripts.
        if name.isascii() and not name.endswith("\n") and 0 < len(name) <= MAX_NAME_BYTES:
            return str(name)
    except TypeError:
        pass
    raise error(f"Got {_shortened(name)}.")


def user_id(user: Any) -> Any:
    """Returns the primary key of ``user`` as the database takes it. Returns None for None and for anonymous users.

    Raises `InvalidUser` for anything that is not a saved instance of AUTH_USER_MODEL.
    """
    key = saved_user_key(user)
    return None if key is None else user_parameter(key)


def saved_user_key(user: Any) -> Any:
    """Like `user_id`, but returns the key as Python has it, for queries of the ORM."""
    if user is None or not getattr(user, "is_authenticated", True):
        return None
    users = get_user_model()
    if not isinstance(user, users):
        raise InvalidUser(f"Got {_shortened(user)}. The user of an anonymous connection is None or an AnonymousUser.")
    field: Any = users._meta.pk
    key = field.value_from_object(user)
    if key is None:
        raise InvalidUser("This user has no primary key: save it first.")
    return key


def person_key(user: Any) -> Any:
    """Returns the key of ``user``, an instance or a primary key, for queries of the ORM. The user need not exist.

    Raises `InvalidUser` for an unsaved user and for a value that cannot be a key. It also raises for None and for an
    AnonymousUser, because anonymous connections do not belong to one person.
    """
    if user is None or getattr(user, "is_anonymous", False):
        raise InvalidUser("An anonymous connection belongs to no user.")
    return key_of(user)


def key_of(user: Any) -> Any:
    """Returns the key of ``user``, a saved instance or a primary key, as Python has it. Raises `InvalidUser`.

    For an AnonymousUser it raises, too. For None it returns what `user_key` does.
    """
    return saved_user_key(user) if isinstance(user, Model) else user_key(user)


def user_parameter(key: Any) -> Any:
    """Returns ``key``, a primary key of AUTH_USER_MODEL as Python has it, as the database takes it.

    The field of the key converts it, as the ORM does: some fields convert only in ``get_db_prep_value``. None stays
    None.
    """
    return None if key is None else user_field().get_db_prep_value(key, _unopened_connection(), prepared=False)


def user_key(key: Any) -> Any:
    """Returns ``key`` as a primary key of AUTH_USER_MODEL. The user need not exist. Raises `InvalidUser`."""
    try:
        return user_field().clean(key, None)
    except ValidationError as error:
        raise InvalidUser(f"{_shortened(key)} is not the primary key of a user: {' '.join(error.messages)}") from None


def user_field() -> Any:
    """Returns the field that holds the primary key of a user. It is another model's, if that key is a relation."""
    field: Any = PresenceEvent._meta.get_field("user")
    while field.remote_field:
        field = field.target_field
    return field


@cache
def _unopened_connection() -> Any:
    """Returns a database connection that fields may ask for the features of the database. It is never opened.

    A coroutine would get a new one from ``connections`` in each task.
    """
    return connections.create_connection(write_alias())


def json_text(data: Any) -> str | None:
    """Returns ``data`` as JSON text. None, which means no data, stays None. Raises `InvalidData`.

    Data is refused that PostgreSQL cannot store, or that is beyond the limits of `presence_events.schema.json_data`.
    """
    if data is None:
        return None
    try:
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        size, levels, has_large_number = shape_of(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidData(f"{error}.") from None
    if size > MAX_BYTES:
        raise InvalidData(f"It has {size} bytes as JSON; the limit is {MAX_BYTES}.")
    if levels > MAX_LEVELS:
        raise InvalidData(f"Its values are nested in up to {levels} lists and objects; the limit is {MAX_LEVELS}.")
    if has_large_number:
        raise InvalidData("It contains a number that is larger than a floating-point number of 64 bits can be.")
    if _ESCAPED_NUL.search(text):
        raise InvalidData("It contains the character NUL, which PostgreSQL cannot store.")
    return text


def session(number: Any) -> int | None:
    """Returns ``number`` if it can be the number of a stay. None stays None. Raises `InvalidSession`."""
    if number is None:
        return None
    if isinstance(number, int) and 0 < abs(number) < 2**63:
        return number
    raise InvalidSession(f"Got {_shortened(number)}.")


def capacity(people: Any) -> int | None:
    """Returns ``people`` if a room can be limited to so many. None stays None. Raises `InvalidCapacity`."""
    if people is None:
        return None
    if isinstance(people, int) and not isinstance(people, bool) and 0 < people < 2**31:
        return people
    raise InvalidCapacity(f"Got {_shortened(people)}.")


def exclusive(which: Any) -> str | None:
    """Returns ``which`` if it is "newest" or "oldest". None stays None. Raises `InvalidExclusive`."""
    if which is None or which in ("newest", "oldest"):
        return which  # type: ignore[no-any-return]
    raise InvalidExclusive(f"Got {_shortened(which)}.")


def age(seconds: Any) -> float:
    """Returns ``seconds`` as a float, limited to a century. Raises `InvalidAge`."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise InvalidAge(f"Got {_shortened(seconds)}.")
    if not seconds >= 0 or math.isinf(seconds):
        raise InvalidAge(f"Got {_shortened(seconds)}.")
    return float(min(seconds, _MAX_AGE))


def moment(when: Any) -> datetime:
    """Returns ``when`` if presence can be known at that time.

    Raises `InvalidMoment` if it is in the future, or naive. With USE_TZ off it may be naive, like all times of Django.
    """
    time = _time(when)
    if time > (datetime.now(time.tzinfo) if timezone.is_aware(time) else timezone.now()) + MAX_CLOCK_SKEW:
        raise InvalidMoment(f"{time.isoformat()} is in the future.")
    return time


def span(start: Any, end: Any) -> tuple[datetime, datetime]:
    """Returns ``start`` and ``end`` if presence can be known at some time between them.

    ``end`` may be in the future. Raises `InvalidMoment` if ``start`` is not a valid moment, or ``end`` is naive or not
    after ``start``.
    """
    return any_span(moment(start), end)


def any_span(start: Any, end: Any) -> tuple[datetime, datetime]:
    """Returns ``start`` and ``end``, which may both be in the future.

    Raises `InvalidMoment` if either is naive, or if ``end`` is not after ``start``.
    """
    start, end = _time(start), _time(end)
    if not aware(start) < aware(end):
        raise InvalidMoment(f"{end.isoformat()} does not come after {start.isoformat()}.")
    return start, end


def _time(when: Any) -> datetime:
    if not isinstance(when, datetime):
        raise InvalidMoment(f"Got {_shortened(when)}.")
    if settings.USE_TZ and timezone.is_naive(when):
        raise InvalidMoment(f"{when.isoformat()} has no time zone: add one with django.utils.timezone.make_aware.")
    return when


def aware(time: datetime) -> datetime:
    """Returns ``time``, in the current time zone if it is naive."""
    return time if timezone.is_aware(time) else timezone.make_aware(time)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
