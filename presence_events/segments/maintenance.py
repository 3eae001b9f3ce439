"""What has to be done with segments from time to time: by the worker, by a command, or by a task."""

from __future__ import annotations

from typing import NamedTuple

from presence_events.segments.closing import close
from presence_events.segments.preparing import prepare

__all__ = ["Outcome", "maintain"]


class Outcome(NamedTuple):
    """The names of the segments that a run has created and closed."""

    created: list[str]
    closed: list[str]


def maintain(using: str) -> Outcome:
    """Creates segments ahead of need, and closes those whose days are over. Once an hour is often enough.

    Needs the rights of the owner of the tables (`statements.is_owner`). Raises `OperationalError` if locks were not
    free in `statements.TRIES` tries. What is done then remains, and the next run continues.
    """
    return Outcome(prepare(using), close(using))
