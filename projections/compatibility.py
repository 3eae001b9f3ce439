"""What code written for django-channels-presence passes and imports, in the terms of this library."""

from __future__ import annotations

from typing import Any

from channels.layers import get_channel_layer

__all__ = ["CurrentChannelLayer", "age_to_prune"]


def age_to_prune(age_in_seconds: Any, age: Any) -> Any:
    """Returns the one of the two that was given, or None.

    The original's signature was ``prune_presences(channel_layer=None, age=None)``, so the first argument may be a
    channel layer, which is ignored. Raises TypeError if both are ages.
    """
    if hasattr(age_in_seconds, "group_discard"):
        age_in_seconds = None
    if age_in_seconds is not None and age is not None:
        raise TypeError("prune_presences takes one age: age_in_seconds or age.")
    return age if age_in_seconds is None else age_in_seconds


class CurrentChannelLayer:
    """Stands for the default channel layer, which is looked up whenever an attribute is used."""

    def __getattr__(self, name: str) -> Any:
        return getattr(get_channel_layer(), name)
