"""How commands report that they could not do their work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import Error

from presence_events.exceptions import PresenceError

__all__ = ["FAILED", "reported_errors"]

FAILED = 2
"""The exit status of a command that could not do its work. Status 1 is free for "a check found something"."""


@contextmanager
def reported_errors() -> Iterator[None]:
    """Turns errors of the library, the database and the output into a `CommandError` with the status `FAILED`."""
    try:
        yield
    except (PresenceError, Error, OSError) as error:
        raise CommandError(str(error), returncode=FAILED) from error
