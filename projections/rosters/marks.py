"""Marks of rosters: places in the log that a client stores as text, and sends back to continue from there.

A mark contains a snapshot of PostgreSQL, which decides for each event whether the client knows it. Positions alone do
not decide that, because they become visible out of order (`presence_events.tail`).
"""

from __future__ import annotations

import base64
import time
from typing import NamedTuple, Self

from django.utils.crypto import constant_time_compare, salted_hmac

__all__ = ["MAX_AGE", "MAX_LENGTH", "RosterMark", "Snapshot", "is_possible"]

MAX_AGE = 3600
"""Seconds for which a mark is accepted."""

MAX_LENGTH = 16_000
"""Characters of a mark that are read."""


class Snapshot(NamedTuple):
    """What ``pg_current_snapshot()`` returns: which transactions had ended."""

    xmin: int
    xmax: int
    running: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Returns the snapshot with the ``text`` that PostgreSQL shows. Raises ValueError for any other text."""
        xmin, xmax, running = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(int(each) for each in running.split(",") if each))

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.running)))}"

    def sees(self, tx: int) -> bool:
        """Returns whether the transaction ``tx`` had committed, if it has committed by now."""
        return tx < self.xmax and tx not in self.running

    def covers(self, other: Snapshot) -> bool:
        """Returns whether this snapshot sees all that ``other`` sees."""
        return self.xmax >= other.xmax and not any(other.sees(tx) for tx in self.running)


class RosterMark(NamedTuple):
    """A place in the log of one room.

    ``low`` is a position up to which no further event can appear, and before each end of a connection that still counts
    because of the grace. ``snapshot`` says which later events are known.
    ``at`` is the time of the mark in seconds since 1970. ``is_partial`` is whether the client has only some of the
    people.
    """

    low: int
    snapshot: Snapshot
    at: int
    is_partial: bool = False

    def signed(self, purpose: str) -> str:
        """Returns the mark as text, which only `unsigned` with the same ``purpose`` reads."""
        text = f"{self.low}.{self.at}.{self.snapshot}{'.part' if self.is_partial else ''}"
        return f"{text}.{_signature(text, purpose)}"

    @classmethod
    def unsigned(cls, signed: str | None, purpose: str) -> Self | None:
        """Returns the mark of the text ``signed``. Returns None for any other text and for an expired mark."""
        if signed is None or not is_possible(signed):
            return None
        text, _, signature = signed.rpartition(".")
        if not constant_time_compare(signature, _signature(text, purpose)):
            return None
        low, at, snapshot, *rest = text.split(".")
        mark = cls(int(low), Snapshot.parse(snapshot), int(at), bool(rest))
        return mark if time.time() - mark.at <= MAX_AGE else None


def is_possible(value: object) -> bool:
    """Returns whether ``value`` may be the text of a mark. What is not need not be kept."""
    return isinstance(value, str) and len(value) <= MAX_LENGTH and value.isascii()


def _signature(text: str, purpose: str) -> str:
    digest = salted_hmac("projections.rosters.marks", f"{text}\n{purpose}", algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest[:12]).decode()
