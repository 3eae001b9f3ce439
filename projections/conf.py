"""The settings of the projections, read when they are needed."""

from __future__ import annotations

from django.conf import settings

__all__ = ["max_age", "notify", "signals"]


def max_age() -> float:
    """``CHANNELS_PRESENCE_MAX_AGE``: seconds without a sign of life after which a connection is pruned. Default 60."""
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)


def signals() -> str:
    """``CHANNELS_PRESENCE_SIGNALS``: ``"inline"`` if the recording process sends signals, which is the default, or
    ``"worker"`` if ``manage.py run_projector`` does."""
    return getattr(settings, "CHANNELS_PRESENCE_SIGNALS", "inline")


def notify() -> bool:
    """``CHANNELS_PRESENCE_NOTIFY``: whether recording wakes a waiting worker with NOTIFY. Default False."""
    return getattr(settings, "CHANNELS_PRESENCE_NOTIFY", False)
