"""Whom a row with a user is about, and whom somebody means who types a name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.utils.translation import gettext as _

from presence_events import validation
from presence_events.exceptions import InvalidUser
from presence_events.models import PresenceEvent

__all__ = ["find", "user_key_type", "who"]


def who(row: Any) -> str:
    """What to call the person of ``row``, which has a ``user`` and a ``user_id``: anonymous, or deleted, if need be."""
    if row.user_id is None:
        return _("anonymous")
    if row.user is None:
        return str(_("deleted user %s") % row.user_id)
    return str(row.user.get_username())


def find(text: str) -> Any:
    """The key of the user whose name ``text`` is, or else whose key it is, deleted or not. Raises `InvalidUser`."""
    if "\x00" in text:
        raise InvalidUser("PostgreSQL knows no text with the character NUL.")
    users = get_user_model()
    for name in (text, text.strip()):
        named = users._default_manager.filter(**{users.USERNAME_FIELD: name}).values_list("pk", flat=True).first()
        if named is not None:
            return named
    return validation.user_key(text.strip())


def user_key_type(using: str) -> str:
    """The SQL type of user keys in the database ``using``, for casts."""
    field: Any = PresenceEvent._meta.get_field("user")
    return str(field.db_type(connections[using]))
