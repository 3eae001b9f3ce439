"""Writes events to the log. The public API is `presence_events.recorder`."""
