"""The settings of the projections. Each is read when it is used, so tests can override it."""

from __future__ import annotations

from django.conf import settings

from presence_events.conf import max_age

__all__ = ["attendance_visible", "layer_is_in_memory", "max_age", "notify", "prune_in_server", "signals"]


def attendance_visible() -> str | None:
    """Returns ``CHANNELS_PRESENCE_ATTENDANCE_VISIBLE``: the dotted path of a function that says who sees whom.

    It gets a user and the name of a room, and returns what `projections.attendance.visibility` describes. The default
    is None: with the permission, an operator sees everyone.
    """
    return getattr(settings, "CHANNELS_PRESENCE_ATTENDANCE_VISIBLE", None)


def signals() -> str:
    """Returns ``CHANNELS_PRESENCE_SIGNALS``: which process sends signals.

    With ``"inline"``, the default, the recording process does. With ``"worker"``, ``manage.py run_projector`` does.
    """
    return getattr(settings, "CHANNELS_PRESENCE_SIGNALS", "inline")


def notify() -> bool:
    """Returns ``CHANNELS_PRESENCE_NOTIFY``: whether recording wakes a waiting worker with NOTIFY. Default False."""
    return getattr(settings, "CHANNELS_PRESENCE_NOTIFY", False)


def prune_in_server() -> bool:
    """Returns ``CHANNELS_PRESENCE_PRUNE_IN_SERVER``: whether each server process prunes while it runs.

    The default is None: a server process prunes if ``DEBUG`` is on, or if the default channel layer is in memory.
    """
    chosen: bool | None = getattr(settings, "CHANNELS_PRESENCE_PRUNE_IN_SERVER", None)
    return settings.DEBUG or layer_is_in_memory() if chosen is None else chosen


def layer_is_in_memory() -> bool:
    """Returns whether the default channel layer is Channels' in-memory layer, which reaches no other process."""
    default = getattr(settings, "CHANNEL_LAYERS", {}).get("default", {})
    return bool(default.get("BACKEND") == "channels.layers.InMemoryChannelLayer")
