"""Who was expected in a room: a list of users in any form, as keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from django.contrib.auth import get_user_model
from django.db.models import Manager, QuerySet

from presence_events import validation
from presence_events.exceptions import InvalidUser

__all__ = ["Expected", "keys_of"]

Expected: TypeAlias = Iterable[Any] | Manager[Any] | Callable[[str], Iterable[Any] | Manager[Any]]
"""A queryset or a manager of users, an iterable of users or their keys, or a function that gets the name of a room and
returns one of these."""


def keys_of(expected: Expected, room: str) -> tuple[Any, ...]:
    """Returns the keys of the users in ``expected``, each once, in their order.

    Of a queryset of users, only the keys are read, from its own database. Raises `InvalidUser` for an unsaved or
    anonymous user, for a value that cannot be a key, and for a text in place of a list.
    """
    # The manager of a relation is callable.
    users: Any = expected(room) if callable(expected) and not isinstance(expected, Manager) else expected
    if isinstance(users, (str, bytes)):
        raise InvalidUser(f"The expected people are a list of users or keys. Got {users!r}.")
    if isinstance(users, Manager):
        users = users.all()
    if isinstance(users, QuerySet) and issubclass(users.model, get_user_model()) and _is_of_instances(users):
        users = users.values_list("pk", flat=True)
    return tuple(dict.fromkeys(validation.person_key(user) for user in users))


def _is_of_instances(users: Any) -> bool:
    """Returns whether the queryset ``users`` gives instances, and not values of fields."""
    return users._fields is None
