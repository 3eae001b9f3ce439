"""Celery tasks for the beat schedule. Without Celery the module can be imported all the same."""

from __future__ import annotations

from typing import Any

from presence_events.exceptions import CeleryNotInstalled
from projections.models import Room

__all__ = ["prune_presences", "prune_rooms"]

try:
    from celery import shared_task
except ImportError:

    class _Missing:
        """Stands in for a task: whatever one does with it says what is missing."""

        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            raise CeleryNotInstalled

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise CeleryNotInstalled

    def shared_task(*args: Any, **kwargs: Any) -> Any:
        return lambda _function: _Missing()


@shared_task(name="projections.tasks.prune_presences")
def prune_presences(age_in_seconds: float | None = None) -> int:
    """Prunes the connections that were not seen for ``CHANNELS_PRESENCE_MAX_AGE``. Returns how many."""
    return Room.objects.prune_presences(age_in_seconds)


@shared_task(name="projections.tasks.prune_rooms")
def prune_rooms() -> int:
    """Removes the rooms in which nobody is. Returns how many."""
    return Room.objects.prune_rooms()
