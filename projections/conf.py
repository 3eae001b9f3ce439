"""The settings of the projections. Each is read when it is used, so tests can override it."""

from __future__ import annotations

from django.conf import settings

__all__ = ["max_age", "notify", "signals"]


def max_age() -> float:
    """Returns ``CHANNELS_PRESENCE_MAX_AGE``: seconds without a sign of life after which a connection is pruned.

    The default is 60.
    """
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)


def signals() -> str:
    """Returns ``CHANNELS_PRESENCE_SIGNALS``: which process sends signals.

    With ``"inline"``, the default, the recording process does. With ``"worker"``, ``manage.py run_projector`` does.
    """
    return getattr(settings, "CHANNELS_PRESENCE_SIGNALS", "inline")


def notify() -> bool:
    """Returns ``CHANNELS_PRESENCE_NOTIFY``: whether recording wakes a waiting worker with NOTIFY. Default False."""
    return getattr(settings, "CHANNELS_PRESENCE_NOTIFY", False)
