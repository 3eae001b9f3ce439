"""Letting time pass without waiting for it."""

from __future__ import annotations

from projections import testing


def age_presences(*channel_names: str, seconds: float) -> None:
    """As `projections.testing.age_presences`, for connections by their names."""
    testing.age_presences(seconds, channel_name__in=channel_names)
