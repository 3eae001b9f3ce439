"""The settings of the log, read when they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from django.conf import settings

__all__ = ["database", "display_name", "max_age", "privacy", "record_timeout", "retention", "seals"]


def database() -> str | None:
    """``CHANNELS_PRESENCE_DATABASE``: the dotted path of a function from the name of a room to a database alias.

    The default is None: the routers choose the database.
    """
    return getattr(settings, "CHANNELS_PRESENCE_DATABASE", None)


def display_name() -> str | None:
    """``CHANNELS_PRESENCE_DISPLAY_NAME``: the dotted path of a function from a user to the name that pages show.

    The default is None: pages show the user name.
    """
    return getattr(settings, "CHANNELS_PRESENCE_DISPLAY_NAME", None)


def max_age() -> float:
    """Returns ``CHANNELS_PRESENCE_MAX_AGE``: seconds without a sign of life after which a connection is pruned.

    The default is 60.
    """
    return getattr(settings, "CHANNELS_PRESENCE_MAX_AGE", 60)


def privacy() -> Mapping[str, Mapping[str, object]]:
    """``CHANNELS_PRESENCE_PRIVACY``: what is recorded, by beginnings of room names. Default: everything."""
    return getattr(settings, "CHANNELS_PRESENCE_PRIVACY", None) or {}


def record_timeout() -> float:
    """``CHANNELS_PRESENCE_RECORD_TIMEOUT``: seconds that coroutines wait for an unavailable database. Default 30."""
    return getattr(settings, "CHANNELS_PRESENCE_RECORD_TIMEOUT", 30)


def retention() -> dict[str, timedelta]:
    """``CHANNELS_PRESENCE_RETENTION``: how long ``"touches"`` and ``"stays"`` are kept. Default: all are kept."""
    return getattr(settings, "CHANNELS_PRESENCE_RETENTION", None) or {}


def seals() -> Mapping[str, str | Path] | None:
    """``CHANNELS_PRESENCE_SEALS``: the file ``"key"`` of the signatures, and the anchors of seals.

    They are the file ``"copy"``, the ``"directory"``, the address of a ``"timestamp"`` server, and the dotted path of a
    ``"function"``. Default: the worker makes no seals.
    """
    return getattr(settings, "CHANNELS_PRESENCE_SEALS", None)
