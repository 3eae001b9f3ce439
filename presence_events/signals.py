"""What the log says to the layers above it."""

from __future__ import annotations

from django.dispatch import Signal

__all__ = ["events_committed"]

events_committed = Signal()
"""Sent once a call of the recorder has committed, with what it recorded.

Arguments: ``events`` (a non-empty list of `PresenceEvent` in log order), ``using`` (the database alias). What a
receiver raises reaches whoever committed.
"""
