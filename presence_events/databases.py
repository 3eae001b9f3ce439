"""Decides which database the log is written to."""

from __future__ import annotations

from typing import Any

from django.db import router

from presence_events.models import PresenceEvent

__all__ = ["write_alias"]


def write_alias(using: str | None = None, **hints: Any) -> str:
    """Returns the alias of the database that the log is written to: ``using``, or else the choice of the routers.

    ``hints`` are passed to the routers.
    """
    return using or router.db_for_write(PresenceEvent, **hints)
