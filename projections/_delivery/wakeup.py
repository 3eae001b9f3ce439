"""Wakes a waiting worker with PostgreSQL's NOTIFY."""

from __future__ import annotations

import logging

from django.db import Error, connections

__all__ = ["CHANNEL", "wake"]

logger = logging.getLogger("projections.notify")

CHANNEL = "presence_event"
"""The NOTIFY channel. It is used if ``CHANNELS_PRESENCE_NOTIFY`` is set."""


def wake(using: str) -> None:
    """Notifies the leading worker that the log has grown.

    A failure is logged and not raised: the worker also polls.
    """
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")
    except Error as error:
        logger.warning("Could not wake the worker: %r", error)
