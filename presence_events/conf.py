"""Every setting of the library, read when it is needed."""

from __future__ import annotations

from django.conf import settings


def max_age() -> float:
    """Seconds after which a connection that was not seen counts as gone (``CHANNELS_PRESENCE_MAX_AGE``, 60)."""
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)


def record_timeout() -> float:
    """Seconds for which coroutines wait for the database to come back (``CHANNELS_PRESENCE_RECORD_TIMEOUT``, 30)."""
    return getattr(settings, "CHANNELS_PRESENCE_RECORD_TIMEOUT", 30)


def signals() -> str:
    """Who sends signals: the process that records, or manage.py run_projector (``CHANNELS_PRESENCE_SIGNALS``, "inline"
    or "worker")."""
    return getattr(settings, "CHANNELS_PRESENCE_SIGNALS", "inline")


def notify() -> bool:
    """Whether a worker that waits is woken by what is recorded (``CHANNELS_PRESENCE_NOTIFY``, False)."""
    return getattr(settings, "CHANNELS_PRESENCE_NOTIFY", False)
