"""Who was expected in a room: a list of users in any form, as keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from presence_events import validation

__all__ = ["Expected", "keys_of"]

Expected: TypeAlias = Iterable[Any] | Callable[[str], Iterable[Any]]
"""A queryset of users, an iterable of users or their keys, or a function that gets the name of a room and returns one
of these."""


def keys_of(expected: Expected, room: str) -> tuple[Any, ...]:
    """Returns the keys of the users in ``expected``, each once, in their order.

    Of a queryset of users, only the keys are read, from its own database. Raises `InvalidUser` for an unsaved or
    anonymous user, and for a value that cannot be a key.
    """
    users: Any = expected(room) if callable(expected) else expected
    if isinstance(users, QuerySet) and issubclass(users.model, get_user_model()) and _is_of_instances(users):
        users = users.values_list("pk", flat=True)
    return tuple(dict.fromkeys(validation.person_key(user) for user in users))


def _is_of_instances(users: Any) -> bool:
    """Returns whether the queryset ``users`` gives instances, and not values of fields."""
    return users._fields is None
