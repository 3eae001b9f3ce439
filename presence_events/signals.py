"""The signals that the log sends to the layers above it."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["aevents_committed", "arows_committed", "events_committed"]

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

arows_committed = Signal()
"""Sent together with `aevents_committed`, to receivers for which the rows of the events are enough in most cases.

Arguments: ``rows`` (the recorded events: a non-empty list of `presence_events.recorder.EventRow` in log order),
``read`` (a function that returns them as a list of `PresenceEvent`, the same one each time) and ``using``. ``read``
leaves out events that cannot be made, for example because of a custom field; their caller gets the error.
"""
