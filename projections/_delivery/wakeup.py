"""Wakes a waiting worker with PostgreSQL's NOTIFY."""

from __future__ import annotations

import logging
from typing import Any

from django.db import Error, connections

__all__ = ["channel", "wake"]

logger = logging.getLogger("projections.notify")

_CHANNEL = "'presence_event_' || relnamespace FROM pg_class WHERE oid = 'presence_event'::regclass"


def channel(cursor: Any) -> str:
    """Returns the NOTIFY channel of the log, which is used if ``CHANNELS_PRESENCE_NOTIFY`` is set.

    The channels of a database have one namespace, so the name has the number of the schema. An installation in another
    schema has another channel.
    """
    cursor.execute(f"SELECT {_CHANNEL}")
    return str(cursor.fetchone()[0])


def wake(using: str) -> None:
    """Notifies the leading worker that the log has grown.

    A failure is logged and not raised: the worker also polls.
    """
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT pg_notify(name, '') FROM (SELECT {_CHANNEL}) AS channel (name)")  # noqa: S608
    except Error as error:
        logger.warning("Could not wake the worker: %r", error)
