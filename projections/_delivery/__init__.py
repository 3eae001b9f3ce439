"""Delivers committed events: first to channel-layer groups, then to Django signals."""
