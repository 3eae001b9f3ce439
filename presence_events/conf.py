"""The settings of the log, read when they are needed."""

from __future__ import annotations

from django.conf import settings

__all__ = ["record_timeout"]


def record_timeout() -> float:
    """``CHANNELS_PRESENCE_RECORD_TIMEOUT``: seconds that coroutines wait for an unavailable database. Default 30."""
    return getattr(settings, "CHANNELS_PRESENCE_RECORD_TIMEOUT", 30)
