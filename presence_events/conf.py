"""The settings of the log, read when they are needed."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings

__all__ = ["max_age", "record_timeout", "retention"]


def max_age() -> float:
    """Returns ``CHANNELS_PRESENCE_MAX_AGE``: seconds without a sign of life after which a connection is pruned.

    The default is 60.
    """
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)


def record_timeout() -> float:
    """``CHANNELS_PRESENCE_RECORD_TIMEOUT``: seconds that coroutines wait for an unavailable database. Default 30."""
    return getattr(settings, "CHANNELS_PRESENCE_RECORD_TIMEOUT", 30)


def retention() -> dict[str, timedelta]:
    """``CHANNELS_PRESENCE_RETENTION``: how long ``"touches"`` and ``"stays"`` are kept. Default: all are kept."""
    return getattr(settings, "CHANNELS_PRESENCE_RETENTION", None) or {}
