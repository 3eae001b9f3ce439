"""What the log says to the layers above it."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["aevents_committed", "events_committed"]

events_committed = Signal()
"""Sent once a call of the recorder has committed, with what it recorded.

Arguments: ``events`` (a non-empty list of `PresenceEvent` in log order), ``using`` (the database alias). What a
receiver raises reaches whoever committed.
"""

aevents_committed = Signal()
"""The same for what the recorder's coroutines have committed, sent with ``asend``.

Two signals, so that neither a thread nor an event loop has to enter the other's world for an event that nobody cares
for, a touch for instance. Who wants to hear of everything connects to both.
"""
