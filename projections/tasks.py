"""Celery tasks for the beat schedule. The module can be imported without Celery."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar

from presence_events import conf
from presence_events.databases.each import on_each
from presence_events.databases.rooms import aliases
from presence_events.exceptions import CeleryNotInstalled, RetentionIsRunning
from presence_events.segments import maintenance
from projections.erasure.forgetting import forget
from projections.final_reports import making
from projections.models import Room
from projections.retention import removing

__all__ = ["maintain_log", "make_attendance_reports", "prune_presence", "prune_presences", "prune_rooms"]

if TYPE_CHECKING:
    from collections.abc import Callable

    _P = ParamSpec("_P")
    _R_co = TypeVar("_R_co", covariant=True)

    class _Task(Protocol, Generic[_P, _R_co]):
        """A task, of which only the call is typed. Celery has no types."""

        def __call__(self, *args: _P.args, **kwargs: _P.kwargs) -> _R_co: ...
        def __getattr__(self, name: str) -> Any: ...

    def shared_task(*, name: str) -> Callable[[Callable[_P, _R_co]], _Task[_P, _R_co]]: ...

else:
    try:
        from celery import shared_task
    except ImportError:

        class _MissingTask:
            """Replaces a task if Celery is not installed. Raises `CeleryNotInstalled` whenever it is used."""

            def __call__(self, *args: Any, **kwargs: Any) -> Any:
                raise CeleryNotInstalled

            def __getattr__(self, name: str) -> Any:
                if name.startswith("__"):
                    raise AttributeError(name)
                raise CeleryNotInstalled

        def shared_task(*args: Any, **kwargs: Any) -> Any:
            return lambda _function: _MissingTask()


@shared_task(name="projections.tasks.prune_presences")
def prune_presences(age_in_seconds: float | None = None) -> int:
    """Prunes the connections without a sign of life for ``age_in_seconds``. Returns how many were pruned.

    The default age is ``CHANNELS_PRESENCE_MAX_AGE``.
    """
    return Room.objects.prune_presences(age_in_seconds)


@shared_task(name="projections.tasks.prune_presence")
def prune_presence() -> int:
    """Prunes the connections that have reached the maximal age. The task of django-channels-presence has this name."""
    return Room.objects.prune_presences()


@shared_task(name="projections.tasks.maintain_log")
def maintain_log() -> None:
    """Creates segments of the log ahead of need, closes those whose days are over, and removes old ones. Run it once an
    hour, or once a day if no room is without history.

    It removes segments only if ``CHANNELS_PRESENCE_RETENTION`` is set. If another process does this now, it leaves it
    to that one.
    """
    on_each(aliases(), _maintain)


def _maintain(using: str) -> None:
    forget(using)
    maintenance.maintain(using)
    if conf.retention():
        with suppress(RetentionIsRunning):
            removing.apply(using)


@shared_task(name="projections.tasks.make_attendance_reports")
def make_attendance_reports() -> int:
    """Makes and announces the final reports that are due. Returns how many it made. Run it once a minute."""
    return sum(on_each(aliases(), making.make_due_reports))


@shared_task(name="projections.tasks.prune_rooms")
def prune_rooms() -> int:
    """Removes empty rooms. Returns how many were removed."""
    return Room.objects.prune_rooms()
