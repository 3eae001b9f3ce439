"""Reading the log as it grows, without missing an event, in an order that suits every stay.

Positions alone do not do it: transactions commit out of order, so a position can become visible after a higher one, and
whoever remembers the highest misses it. Transaction ids alone do not do it either: they are given out before locks are
had, so by them a leave may come before the join it waited for.

So the log is read in windows between two snapshots (``pg_current_snapshot``): all that the new one sees and the old one
does not, by position. An event that follows another in a stay was recorded by a transaction that had waited for the
other to commit. So no snapshot sees the second without the first, and within a window the first has the lower position.

There is no index on transaction ids: every append would pay for it. A `Cut` remembers a position instead, beyond which
nobody had drawn any, and which transactions were appending below it. What they may have appended is looked for when
they have ended. A transaction that is open for long and writes elsewhere is in nobody's way, and one that has appended
delays its own events alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from django.db import connections
from django.db.transaction import TransactionManagementError

from presence_events import sql
from presence_events.exceptions import InvalidPosition, LogIsShorter
from presence_events.models import PresenceEvent
from presence_events.positions import drawn_position, settled_position

__all__ = ["Cut", "Mark", "Tail"]

STRETCH = 50_000
"""Positions that one read looks at, at most: most may be touches that nobody asked for."""


class Cut(NamedTuple):
    """What was in the log at a moment: what ``snapshot`` sees; without one, all up to the position ``high``.

    Before the snapshot was taken, the positions up to ``high`` had been drawn, some perhaps by the transactions
    ``open``, if they have not ended meanwhile: by id, with a position above which all of theirs are.
    """

    snapshot: str | None
    high: int
    open: dict[int, int]

    @property
    def low(self) -> int:
        """A position up to which no event is still to come."""
        return min(self.open.values(), default=self.high)


class Mark(NamedTuple):
    """How far somebody has read: all that was in the log at ``seen`` and, of what ``window`` sees beyond that, the
    events up to ``position``; it sees none above ``top``. It can be stored, and means something in the database cluster
    where it was made; in another one, `after` what it has `decided` goes on from there.
    """

    seen: Cut
    window: Cut | None = None
    position: int = 0
    top: int = 0

    @classmethod
    def after(cls, position: int, using: str) -> Self:
        """Where all events up to ``position`` count as read, and none beyond. 0 is before the first event.

        Waits for the transactions that are appending; raises `OperationalError` if some are still open after ten
        seconds, and `InvalidPosition` for one that was not drawn yet.
        """
        settled = settled_position(using)
        if not 0 <= position <= settled:
            raise InvalidPosition(f"Got {position}, and the log ends at {settled}.")
        # These may have been written in another cluster, whose transactions no snapshot knows. All of them are decided.
        return cls(Cut(None, position, {}), Cut(None, settled, {}), position, settled)

    @classmethod
    def end(cls, using: str) -> Self:
        """Where all that is in the log counts as read. Waits and raises as `after`."""
        return cls(Cut(None, settled_position(using), {}))

    @property
    def reached(self) -> int:
        """The position up to which the log was looked at. Events of transactions that were open may lie below it."""
        return max(self.seen.high, self.position)

    @property
    def decided(self) -> int:
        """A position up to which all events have been read."""
        return self.seen.low if self.window is None else min(self.position, self.window.low)

    def as_json(self) -> list[Any]:
        """For `from_json`."""
        cuts = [None if cut is None else [*cut[:2], sorted(cut.open.items())] for cut in (self.seen, self.window)]
        return [*cuts, self.position, self.top]

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """What `as_json` gave. Raises ValueError for anything else."""
        try:
            seen, window, position, top = stored
            return cls(_stored_cut(*seen), None if window is None else _stored_cut(*window), int(position), int(top))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{stored!r} is no mark: {error}") from None


def _stored_cut(snapshot: str | None, high: Any, pairs: Any) -> Cut:
    return Cut(snapshot, int(high), {int(number): int(above) for number, above in pairs})


class Tail:
    """Reads the log of the database ``using``, from marks.

    With ``touches=False`` it leaves out touches by which nothing changed but the time.
    """

    def __init__(self, using: str, *, touches: bool = True) -> None:
        self._using = using
        self._touches = touches
        columns = ", ".join(str(field.column) for field in PresenceEvent._meta.concrete_fields)
        self._query = sql.read("presence_events", "queries/tail/events").format(columns=columns)

    def look(self, mark: Mark) -> Mark:
        """``mark`` with the window in which the next events are: all that is in the log by now, if it has none yet.

        Raises `TransactionManagementError` in a
        transaction, where a mark would be moved beyond what the transaction can see; `OperationalError` on a standby,
        which does not know who is appending; and `LogIsShorter`.
        """
        if not connections[self._using].get_autocommit():
            raise TransactionManagementError("The log is read outside of transactions.")
        if mark.window is not None:
            return mark
        window, top, ended = _cut(mark.seen, self._using)
        high = mark.seen.high
        return Mark(mark.seen, window, high if ended is None else min(ended, high), top)

    def read(self, mark: Mark, limit: int) -> tuple[list[PresenceEvent], Mark]:
        """The next events after ``mark``, at most ``limit``, and the mark after them.

        When that mark has no window, all that was in the log has been read. Raises what `look` raises.
        """
        mark = self.look(mark)
        events = list[PresenceEvent]()
        if mark.window is not None and mark.position < mark.top:
            until = min(mark.position + STRETCH, mark.top)
            events = self._events(mark, until, limit)
            mark = mark._replace(position=events[-1].id if len(events) == limit else until)
        if mark.window is not None and mark.position >= mark.top:
            mark = Mark(mark.window)
        return events, mark

    def _events(self, mark: Mark, until: int, limit: int) -> list[PresenceEvent]:
        params = {
            "seen": mark.seen.snapshot,
            "window": mark.window and mark.window.snapshot,
            "after": mark.position,
            "until": until,
            "touches": self._touches,
            "limit": limit,
        }
        return list(PresenceEvent.objects.using(self._using).raw(self._query, params))


def _cut(seen: Cut, using: str) -> tuple[Cut, int, int | None]:
    """The log as it is now; the last position that may be in it; and the position after which those have appended that
    were open at the cut ``seen`` and have ended, None if none has.

    First the last position is looked at, then who is appending, then the snapshot is taken. So whoever had drawn one of
    the positions is among those who are appending, or the snapshot sees what became of it. The list of running
    transactions in the snapshot will not do: it leaves out those that began after the last one that ended.
    """
    high = drawn_position(using)
    if high < seen.high:
        raise LogIsShorter(f"It ends at {high} and was read up to {seen.high}.")
    if high == seen.high and not seen.open:
        return seen, high, None
    open_transactions = sql.rows("presence_events", "queries/tail/open_transactions", using=using)
    # One that was not appending at the last cut has drawn nothing that had been drawn by then.
    still_open = {number: seen.open.get(number, seen.high) for (number,) in open_transactions}
    params = {"open": list(seen.open), "above": list(seen.open.values())}
    ((snapshot, top, ended),) = sql.rows("presence_events", "queries/tail/window", params, using=using)
    return Cut(snapshot, high, still_open), top, ended
