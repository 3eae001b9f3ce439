"""Every setting of the library, read when it is needed."""

from __future__ import annotations

from django.conf import settings


def max_age() -> float:
    """Seconds after which a connection that was not seen counts as gone (``CHANNELS_PRESENCE_MAX_AGE``, 60)."""
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)
