"""What is recorded of the connections in a room: ``CHANNELS_PRESENCE_PRIVACY``.

The setting is a dict from beginnings of room names to what is recorded in these rooms. The longest beginning decides.
Python applies it before an event is written. SQL that appends events itself is not subject to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.core.signals import setting_changed
from django.dispatch import receiver

from presence_events import conf, validation
from presence_events.exceptions import InvalidPrivacy
from presence_events.privacy.hidden import HIDDEN, is_hidden

__all__ = ["EVERYTHING", "Rule", "are_plain", "has_pseudonyms", "of_room", "rules"]

_Value = TypeVar("_Value")

_USERS = ("named", "daily", "anonymous")
_ROOM_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")


class Rule(NamedTuple):
    """What is recorded of the connections in a room.

    ``users`` is ``"named"`` for the user of a connection, ``"daily"`` for a pseudonym that the user has for one day in
    UTC, or ``"anonymous"`` for none. ``data`` is whether the data of connections is recorded. ``history`` is whether
    the log keeps the user and the data of a stay after its end.
    """

    users: str = "named"
    data: bool = True
    history: bool = True

    @property
    def is_pseudonymous(self) -> bool:
        """Whether the database records a pseudonym in place of the user."""
        return self.users == "daily"

    @property
    def is_plain(self) -> bool:
        """Whether a join needs nothing of the database but to record what `kept` returns."""
        return self.history and not self.is_pseudonymous

    def kept_user(self, user: _Value) -> _Value | None:
        """Returns ``user``, a user or the key of one, or None if users are not recorded."""
        return None if self.users == "anonymous" else user

    def session_of_join(self, ending: int | None) -> int | None:
        """Returns the session of the draft of a join: ``ending``, or its negative if the stay is to have no history.

        ``ending`` is the number of a stay that ends for the join, if there is one.
        """
        number = None if ending is None else abs(ending)
        return number if self.history else -(number or 0)

    def kept(self, user_key: _Value, data: Any) -> tuple[_Value | None, str | None]:
        """Returns the key of the user and the JSON text of the data that are recorded, each None if there is none.

        Raises `InvalidData` for data that is not valid, even if it is not recorded.
        """
        text = validation.json_text(data)
        return self.kept_user(user_key), text if self.data else _text_without_data(data)


def _text_without_data(data: Any) -> str | None:
    """Returns what remains of data that is not recorded: that the connection is hidden, or None."""
    return validation.json_text({HIDDEN: True}) if is_hidden(data) else None


EVERYTHING = Rule()
"""The rule of rooms that the setting does not mention."""


def of_room(room: str) -> Rule:
    """Returns the rule of ``room``. Raises `InvalidPrivacy` if the setting is not valid."""
    for beginning, rule in rules():
        if room.startswith(beginning):
            return rule
    return EVERYTHING


def has_pseudonyms() -> bool:
    """Returns whether there are rooms with pseudonyms in place of users."""
    return any(rule.is_pseudonymous for _, rule in rules())


def are_plain() -> bool:
    """Returns whether joins need nothing of the database in any room: see `Rule.is_plain`."""
    return all(rule.is_plain for _, rule in rules())


@cache
def rules() -> tuple[tuple[str, Rule], ...]:
    """Returns the beginnings of room names with their rules. The first one that matches a room decides.

    Each join asks for them, so the setting is read once, and again after Django's ``setting_changed``. Raises
    `InvalidPrivacy` if the setting is not valid.
    """
    setting: Any = conf.privacy()
    if not isinstance(setting, Mapping):
        raise InvalidPrivacy(f"Got {setting!r}.")
    found = [(_beginning(beginning), _rule(beginning, value)) for beginning, value in setting.items()]
    return tuple(sorted(found, key=lambda one: -len(one[0])))


def _beginning(beginning: Any) -> str:
    if isinstance(beginning, str) and _ROOM_CHARACTERS.issuperset(beginning):
        return beginning
    raise InvalidPrivacy(f"{beginning!r} is not the beginning of the name of a room.")


def _rule(beginning: str, value: Any) -> Rule:
    if not isinstance(value, Mapping) or not value.keys() <= {*Rule._fields}:
        raise InvalidPrivacy(f"For {beginning!r} it has {value!r}.")
    rule = Rule(**value)
    if rule.users not in _USERS or not (isinstance(rule.data, bool) and isinstance(rule.history, bool)):
        raise InvalidPrivacy(f"For {beginning!r} it has {value!r}.")
    return rule


@receiver(setting_changed)
def _forget(setting: str, **kwargs: Any) -> None:
    if setting == "CHANNELS_PRESENCE_PRIVACY":
        rules.cache_clear()
