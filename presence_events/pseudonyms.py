"""Pseudonyms of erased persons: keys of users that no user has.

They have the type of the user key, are random, and can be told from keys of users by their form: a negative even
number, a UUID that begins with ``e2a5ed00``, or a text that begins with ``erased-``.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from django.contrib.auth import get_user_model
from django.db import connections, models

from presence_events import validation
from presence_events.exceptions import NotErasable
from presence_events.models import PresenceEvent
from presence_events.privacy.forms import ERASED

__all__ = ["is_pseudonym", "new_pseudonym"]

_MIN_LENGTH = 16
"""Characters of a text key that leave a pseudonym room to be random."""


def is_pseudonym(key: Any) -> bool:
    """Returns whether ``key``, a key of a user as Python has it, is the pseudonym of an erased person."""
    return ERASED.fits(key)


def new_pseudonym(using: str) -> Any:
    """Returns a pseudonym that is no key of a user, and in no event of the log in the database ``using``.

    Raises `NotErasable` if keys of users have a type without pseudonyms.
    """
    users = get_user_model()._base_manager
    log = PresenceEvent.objects.using(using).exclude(kind=PresenceEvent.Kind.TOUCH)
    while True:
        key = _random(using)
        if not users.filter(pk=key).exists() and not log.filter(user=key).exists():
            return key


def _random(using: str) -> Any:
    field = validation.user_field()
    if isinstance(field, models.UUIDField):
        return uuid.UUID(int=ERASED.uuid_start << 96 | secrets.randbits(96))
    if isinstance(field, models.IntegerField):
        _, highest = connections[using].ops.integer_field_range(field.get_internal_type())
        return -2 * (1 + secrets.randbelow(highest // 2))
    if isinstance(field, models.CharField | models.TextField) and (field.max_length or _MIN_LENGTH) >= _MIN_LENGTH:
        return f"{ERASED.text_start}{secrets.token_hex(16)}"[: field.max_length]
    raise NotErasable(f"Keys of the type {field.get_internal_type()} have no pseudonyms.")
