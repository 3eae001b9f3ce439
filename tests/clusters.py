"""Rooms in three databases, as sites have them: a function chooses by the name, and a router keeps users in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import tenants

CLUSTERS = ("default", *tenants.TENANTS)
ROOMS = ("lobby", "acme-1", "blue-1")
"""A room of each of `CLUSTERS`."""


def database_of_room(room: str) -> str:
    """Rooms with a hyphen are in the database that their names begin with."""
    return room.partition("-")[0] if "-" in room else "default"


database_of_room.aliases = CLUSTERS  # type: ignore[attr-defined]


class PresenceRouter:
    """Lets rooms and presences choose their database, and keeps everything else in ``default``."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return None if model._meta.app_label in ("presence_events", "projections") else "default"

    db_for_write = db_for_read

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True


@contextmanager
def databases(settings: Any) -> Iterator[None]:
    """Makes the databases, and the settings that use them."""
    with tenants.databases():
        settings.CHANNELS_PRESENCE_DATABASE = "tests.clusters.database_of_room"
        settings.DATABASE_ROUTERS = ["tests.clusters.PresenceRouter"]
        yield
