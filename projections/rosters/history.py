"""Which people of a room have changed since a mark."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from projections.rosters.marks import RosterMark, Snapshot

__all__ = ["MAX_CHANGES", "Change", "History"]

MAX_CHANGES = 10_000
"""Changes that the history of a room keeps."""


class Change(NamedTuple):
    """An event of a connection: its position, its transaction, its person, and whether the connection ended."""

    id: int
    tx: int
    person: str
    is_end: bool


class History:
    """The latest changes of a room that the snapshot ``start`` does not see. `extend` adds earlier ones.

    Before the snapshot was taken, the positions up to ``high`` had been drawn.
    """

    def __init__(self, start: Snapshot, high: int) -> None:
        self._start = start
        self._high = high
        self._changes: deque[Change] = deque()
        self._after: int | None = None
        self._dropped = 0

    def add(self, change: Change) -> None:
        """Adds the next change. The oldest one is dropped if there are too many."""
        self._changes.append(change)
        if len(self._changes) > MAX_CHANGES:
            self._dropped = max(self._dropped, self._changes.popleft().id)

    def extend(self, changes: Iterable[Change], after: int) -> None:
        """Replaces the history by ``changes``, which are all with a position higher than ``after``."""
        self._changes.clear()
        self._after = after
        for change in changes:
            self.add(change)

    def reaches(self, mark: RosterMark) -> bool:
        """Returns whether all changes since ``mark`` are known, and all ends after its position."""
        if mark.low < self._dropped:
            return False
        if self._after is not None:
            return mark.low >= self._after
        return mark.low >= self._high and mark.snapshot.covers(self._start)

    def changed_since(self, mark: RosterMark) -> set[str]:
        """Returns the people who may have changed since ``mark``. The history has to reach it.

        Ends after its position count although the mark knows them: the grace of these connections was in progress.
        """
        return {
            change.person
            for change in self._changes
            if change.id > mark.low and (change.is_end or not mark.snapshot.sees(change.tx))
        }
