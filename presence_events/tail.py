"""Reading the log as it grows, without missing an event, in an order that suits every stay.

Positions alone do not do it: transactions commit out of order, so a position can become visible after a higher one, and
whoever remembers the highest misses it. Transaction ids alone do not do it either: they are given out before locks are
had, so by them a leave may come before the join it waited for.

So the log is read in windows between two snapshots (``pg_current_snapshot``): all that the new one sees and the old one
does not, by position. An event that follows another in a stay was recorded by a transaction that had waited for the
other to commit. So no snapshot sees the second without the first, and within a window the first has the lower position.

There is no index on transaction ids: every append would pay for it. A `Cut` remembers two positions instead: one up to
which all is decided, and one beyond which nobody had drawn any. The two differ only while transactions that append are
open, and what lies between them is looked at again only when one of these has ended. A transaction that is open for
long and writes elsewhere is in nobody's way, and one that has appended delays its own events alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from django.db import connections

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.positions import settled_position

__all__ = ["Cut", "Mark", "Tail"]


class Cut(NamedTuple):
    """What was in the log at a moment: what ``snapshot`` sees.

    No event up to position ``low`` is still to come. Before the snapshot was taken, the positions up to ``high`` had
    been drawn, some perhaps by the transactions ``open``, given by their ids, if they have not ended meanwhile.
    """

    snapshot: str
    low: int
    high: int
    open: list[int]


_NOTHING = "1:1:"
"""A snapshot from before the first transaction."""


class Mark(NamedTuple):
    """How far somebody has read: all that was in the log at ``seen`` and, of what ``window`` sees beyond that, the
    events up to ``position``. It can be stored, and means something in the database cluster where it was made."""

    seen: Cut
    window: Cut | None = None
    position: int = 0

    @classmethod
    def beginning(cls) -> Self:
        """Before the first event."""
        return cls.after(0)

    @classmethod
    def after(cls, position: int) -> Self:
        """Where all events up to ``position`` count as read, those included that are not committed yet."""
        return cls(Cut(_NOTHING, position, position, []))

    @classmethod
    def end(cls, using: str) -> Self:
        """Where all that is in the log counts as read. Waits for the transactions that are appending; raises
        `OperationalError` if some are still open after ten seconds."""
        return cls.after(settled_position(using))

    def as_json(self) -> list[Any]:
        """For `from_json`."""
        return [list(self.seen), self.window and list(self.window), self.position]

    @classmethod
    def from_json(cls, stored: list[Any]) -> Self:
        """What `as_json` gave. Raises ValueError for anything else."""
        try:
            seen, window, position = stored
            return cls(Cut(*seen), window and Cut(*window), position)
        except TypeError as error:
            raise ValueError(f"{stored!r} is no mark: {error}") from None


class Tail:
    """Reads the log of the database ``using``, from marks.

    With ``touches=False`` it leaves out touches by which nothing changed but the time. It remembers which transactions
    were appending when it last looked; without that, as after a restart, what has been read is looked over once more
    while they are open, and not read twice.
    """

    def __init__(self, using: str, *, touches: bool = True) -> None:
        self._using = using
        self._touches = touches
        self._last: Cut | None = None
        self._above: dict[str, int] = {}

    def read(self, mark: Mark, limit: int) -> tuple[list[PresenceEvent], Mark]:
        """The next events after ``mark``, at most ``limit``, and the mark after them.

        All that was in the log has been read when a call for a mark without a window returns nothing. It must not run
        in a transaction of the isolation levels REPEATABLE READ and SERIALIZABLE, which see nothing new.
        """
        seen, window, position = mark
        if window is None:
            low, high, still_open = self._drawn(seen)
            snapshot, events = self._events(seen, None, 0, limit)
            self._last = window = Cut(snapshot, low, high, still_open)
        else:
            _, events = self._events(seen, window.snapshot, position, limit)
        if len(events) < limit:
            return events, Mark(window)
        return events, Mark(seen, window, events[-1].id)

    def _drawn(self, seen: Cut) -> tuple[int, int, list[int]]:
        """The positions of the next cut, and its open transactions.

        First the position, then the transactions that have appended and are open, then (by the caller) the snapshot:
        whoever drew one of these positions is among those transactions, or the snapshot sees what became of it.
        """
        with connections[self._using].cursor() as cursor:
            cursor.execute("SELECT last_value - (NOT is_called)::int FROM presence_event_id_seq")
            (high,) = cursor.fetchone()
            cursor.execute(sql.read("presence_events", "tail_open"))
            open_now = cursor.fetchall()
        # One that was not appending at the last look has drawn nothing that had been drawn by then.
        newcomer = seen.high if self._last == seen else seen.low
        known = self._above if self._last == seen else {}
        # A transaction that is prepared for a commit in two phases is called something else from then on.
        self._above = {name: seen.low if pid is None else known.get(name, newcomer) for name, pid, _ in open_now}
        # One without an id has written nothing yet, so it has drawn nothing either.
        ids = sorted({number for _, _, number in open_now if number is not None})
        return min([high, *self._above.values()]), high, ids

    def _events(self, seen: Cut, until: str | None, after: int, limit: int) -> tuple[str, list[PresenceEvent]]:
        columns = ", ".join(str(field.column) for field in PresenceEvent._meta.concrete_fields)
        query = sql.read("presence_events", "tail").format(columns=columns)
        params = {
            "seen": seen.snapshot,
            "low": seen.low,
            "high": seen.high,
            "open": seen.open,
            "until": until,
            "after": after,
            "touches": self._touches,
            "limit": limit,
        }
        rows: list[Any] = list(PresenceEvent.objects.using(self._using).raw(query, params))
        return rows[0].snapshot, [row for row in rows if row.id is not None]
