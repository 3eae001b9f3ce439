"""Reads what the fixture ``signals`` has collected."""

from __future__ import annotations

from typing import Any


def received_channels(signals: list[dict[str, Any]]) -> list[str]:
    """Returns the channel names of the events that were signalled since the last call, in order."""
    channels = [str(event.channel_name) for each in signals for event in each["events"]]
    signals.clear()
    return channels
