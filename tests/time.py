"""Makes presences older without waiting."""

from __future__ import annotations

from projections import testing


def age_presences(*channel_names: str, seconds: float) -> None:
    """Moves the signs of life of connections ``seconds`` into the past: see `projections.testing.age_presences`."""
    testing.age_presences(seconds, channel_name__in=channel_names)
