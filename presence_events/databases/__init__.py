"""Decides which database the log is written to, and which ones can have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connections, router

from presence_events.models import PresenceEvent

__all__ = ["that_can_have_the_log", "write_alias"]


def write_alias(using: str | None = None, **hints: Any) -> str:
    """Returns the alias of the database that the log is written to: ``using``, or else the choice of the routers.

    ``hints`` are passed to the routers.
    """
    return using or router.db_for_write(PresenceEvent, **hints)


def that_can_have_the_log(aliases: Iterable[str] | None) -> Iterator[str]:
    """Yields those of ``aliases`` that are on PostgreSQL and from which the routers do not exclude the log.

    System checks are called with the aliases to check, or with None for no database.
    """
    for alias in aliases or ():
        if connections[alias].vendor == "postgresql" and router.allow_migrate_model(alias, PresenceEvent):
            yield alias
