"""The events of a batch that was committed, as they are announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter

from presence_events._recording.statement import EventReader, EventRow
from presence_events._recording.write_queue import PendingWrite
from presence_events.models import PresenceEvent

__all__ = ["Committed"]


class Committed:
    """The events of ``writes``, which were committed together in the database ``using``.

    ``rows`` has them in log order. A `PresenceEvent` costs several times as much as its row, so these are made only if
    a receiver needs them.
    """

    def __init__(self, using: str, writes: Sequence[PendingWrite]) -> None:
        self.using = using
        self.rows: list[EventRow] = sorted((row for write in writes for row in write.rows), key=attrgetter("id"))
        self._writes = writes
        self._events: list[PresenceEvent] | None = None
        self._failures: dict[int, Exception] = {}

    def events(self) -> list[PresenceEvent]:
        """Returns the events in log order, the same list each time.

        If those of a write cannot be made, for example because of a custom field of the project, they are left out, and
        the error is raised to the caller of that write.
        """
        if self._events is None:
            reader, events = EventReader(self.using), []
            for write in self._writes:
                try:
                    events += reader.events(write.rows, write.selection.users)
                except Exception as error:
                    self._failures |= {row.id: error for row in write.rows}
            self._events = sorted(events, key=attrgetter("id"))
        return self._events

    def resolve(self, failures: Mapping[int, Exception]) -> None:
        """Resolves the writes. ``failures`` are what went wrong with the announcement of events, by position."""
        failures = {**failures, **self._failures}
        for write in self._writes:
            failure = next((failures[row.id] for row in write.rows if row.id in failures), None) if failures else None
            if failure is None:
                write.resolve(write.rows)
            else:
                write.fail(failure)
