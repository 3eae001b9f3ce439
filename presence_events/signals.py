"""The signals that the log sends to the layers above it."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["aevents_committed", "events_committed"]

events_committed = Signal()
"""Sent when a call of the recorder has committed.

Arguments: ``events`` (the recorded events: a non-empty list of `PresenceEvent` in log order) and ``using`` (the
database alias). All receivers are called (`presence_events.receivers`). Then the first exception of a receiver is
raised to the caller that committed.
"""

aevents_committed = Signal()
"""Like `events_committed`, for events that the recorder's coroutines have committed. Sent to coroutine functions and
synchronous receivers.

There are two signals so that an event without receivers, for instance a touch, makes neither a thread enter an event
loop nor an event loop enter a thread. To receive all events, connect to both.
"""
