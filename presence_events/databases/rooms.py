"""Decides which database a room is in, for sites with several (``CHANNELS_PRESENCE_DATABASE``).

The setting names a function. It gets the name of a room, and returns the alias of the database of the room. If it has
an attribute ``aliases``, these are all databases with rooms. Otherwise they are all databases on PostgreSQL from which
the routers do not exclude the log. Without the setting, the routers choose one database for all rooms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connections, router
from django.db.models import Model
from django.utils.module_loading import import_string

from presence_events import conf, validation
from presence_events.databases import that_can_have_the_log, write_alias
from presence_events.exceptions import InvalidDatabase

__all__ = ["alias_of_room", "aliases", "aliases_to_read", "chosen_by_room"]


def chosen_by_room() -> bool:
    """Returns whether the database depends on the room: whether ``CHANNELS_PRESENCE_DATABASE`` is set."""
    return conf.database() is not None


def alias_of_room(room: Any, using: str | None = None) -> str:
    """Returns the alias of the database in which the presence of ``room``, a name, is recorded.

    It is ``using`` if that is given. Otherwise it is the choice of ``CHANNELS_PRESENCE_DATABASE``, or that of the
    routers if the setting is not set. Raises `InvalidRoomName` for what no room can be called, and `InvalidDatabase`
    for a choice that is not one of `aliases`.
    """
    choose = None if using else _function()
    if choose is None:
        return write_alias(using)
    alias = choose(validation.recorded_room_name(room))
    # Each coroutine would make database connections of its own to ask them whether they can have the log.
    if alias not in (getattr(choose, "aliases", None) or connections.settings):
        raise InvalidDatabase(f"For the room {room} it returned {alias!r}.")
    return alias


def aliases(using: str | None = None) -> list[str]:
    """Returns the aliases of all databases that can have rooms, or only ``using`` if that is given.

    What names a connection or a user but no room acts on all of them. Without ``CHANNELS_PRESENCE_DATABASE`` it is the
    one database that the routers choose.
    """
    choose = None if using else _function()
    if choose is None:
        return [write_alias(using)]
    return list(getattr(choose, "aliases", None) or that_can_have_the_log(connections))


def aliases_to_read(model: type[Model]) -> list[str]:
    """Returns the aliases of all databases that can have rows of ``model`` about rooms.

    Without ``CHANNELS_PRESENCE_DATABASE`` it is the one database from which the routers read the model.
    """
    return aliases() if chosen_by_room() else [router.db_for_read(model)]


def _function() -> Callable[[str], str] | None:
    path = conf.database()
    return None if path is None else import_string(path)
