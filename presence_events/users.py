"""Names and keys of users: what to display for a row, and which user a typed text means."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from presence_events import conf, validation
from presence_events.exceptions import InvalidUser
from presence_events.models import PresenceEvent
from presence_events.privacy.daily import is_daily
from presence_events.pseudonyms import is_pseudonym

__all__ = ["display_name", "find_user_key", "from_database", "name_of", "user_key_type", "widest_user_key_type"]


def display_name(row: Any) -> str:
    """Returns the name of the user of ``row``, or that the user is anonymous, erased, a daily pseudonym or deleted.

    ``row`` has the attributes ``user`` and ``user_id``.
    """
    if row.user_id is None:
        return _("anonymous")
    if is_pseudonym(row.user_id):
        return _("erased person")
    if row.user is None and is_daily(row.user_id):
        return str(_("pseudonym %s") % row.user_id)
    if row.user is None:
        return str(_("deleted user %s") % row.user_id)
    return name_of(row.user)


def name_of(user: Any) -> str:
    """Returns the name of ``user`` for pages and reports: what ``CHANNELS_PRESENCE_DISPLAY_NAME`` returns for it.

    Without the setting, or if the function returns an empty text, it is the user name.
    """
    path = conf.display_name()
    chosen = "" if path is None else str(import_string(path)(user))
    return chosen or str(user.get_username())


def find_user_key(text: str) -> Any:
    """Returns the key of the user with the name ``text``, or else ``text`` as a key, whether or not that user exists.

    Raises `InvalidUser` if it is neither.
    """
    if "\x00" in text:
        raise InvalidUser("Remove the character NUL, which PostgreSQL cannot store.")
    users = get_user_model()
    for name in (text, text.strip()):
        key = users._default_manager.filter(**{users.USERNAME_FIELD: name}).values_list("pk", flat=True).first()
        if key is not None:
            return key
    return validation.user_key(text.strip())


def user_key_type(using: str) -> str:
    """Returns the SQL type of user keys in the database ``using``, for casts.

    It is without a length where PostgreSQL would cut a longer key without an error.
    """
    field: Any = PresenceEvent._meta.get_field("user")
    return re.sub(r"^varchar\(\d+\)", "varchar", field.db_type(connections[using]))


def widest_user_key_type(using: str) -> str:
    """Returns the SQL type that has all keys of the same kind, so it also fits a column whose type is being changed."""
    name = user_key_type(using)
    if name in ("smallint", "integer"):
        return "bigint"
    return "text" if name.startswith(("varchar", "char")) else name


def from_database(key: Any, using: str) -> Any:
    """Returns ``key``, which a query of ours read from the database ``using``, as the ORM would have returned it."""
    column: Any = PresenceEvent._meta.get_field("user").get_col(PresenceEvent._meta.db_table)
    connection = connections[using]
    for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
        key = convert(key, column, connection)
    return key
