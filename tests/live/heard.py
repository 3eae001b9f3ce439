"""What receivers have heard of: with the fixture ``signals``."""

from __future__ import annotations

from typing import Any


def heard(signals: list[dict[str, Any]]) -> list[str]:
    """The connections whose events were signalled since one last asked, in order."""
    channels = [str(event.channel_name) for each in signals for event in each["events"]]
    signals.clear()
    return channels
