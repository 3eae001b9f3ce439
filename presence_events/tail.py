"""Reads the log as it grows: without missing an event, and with the events of each stay in order.

Positions alone are not enough. Transactions commit out of order, so a position can become visible after a higher one,
and a reader that remembers only the highest position misses it. Transaction ids alone are not enough either. They are
assigned before locks are acquired, so in their order a leave could come before the join that it waited for.

The log is therefore read in windows between two snapshots (``pg_current_snapshot``). A window contains the events that
the new snapshot sees and the old one does not, in the order of positions. If an event follows another one in a stay,
its transaction had waited for the other one to commit. So no snapshot sees the second event without the first, and
within a window the first event has the lower position.

There is no index on transaction ids, because every append would pay for it. Instead, a `Cut` stores a position beyond
which no position had been drawn, and the transactions that were appending below it. The events that they may have
appended are read when they have ended. A long transaction that writes to other tables delays nothing. One that has
appended delays only its own events.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

from django.db import connections
from django.db.transaction import TransactionManagementError

from presence_events import sql
from presence_events.exceptions import InvalidPosition, LogIsShorter
from presence_events.models import PresenceEvent
from presence_events.positions import drawn_position, settled_position
from presence_events.segments import catalogue

__all__ = ["Cut", "Mark", "Tail"]

MAX_RANGE = 50_000
"""Positions that one read looks at. Most of them may be touches that the reader leaves out."""


class Cut(NamedTuple):
    """What was in the log at one moment.

    That is what ``snapshot`` sees, or without a snapshot all events up to the position ``high``.

    Before the snapshot was taken, the positions up to ``high`` had been drawn. Some of them may belong to transactions
    that were open. ``open`` has these transactions, unless they have ended since: for each id, a position below all
    that the transaction has drawn.
    """

    snapshot: str | None
    high: int
    open: dict[int, int]

    @classmethod
    def now(cls, using: str) -> Cut:
        """Returns the log as it is now, without waiting for open transactions.

        ``open`` has -1 for each of them, because it is not known what they have drawn before.
        """
        return _next_cut(cls(None, -1, {}), using)[0]

    @property
    def low(self) -> int:
        """A position up to which no further event can appear."""
        return min(self.open.values(), default=self.high)


class Mark(NamedTuple):
    """How far a reader has read the log.

    It has read all that was in the log at ``seen``. Of the further events that ``window`` sees, it has read those up to
    ``position``. ``window`` sees none above ``top``.

    A mark can be stored, and is valid in the database cluster where it was made. In another cluster, continue with
    `after` the position that it has `decided`.
    """

    seen: Cut
    window: Cut | None = None
    position: int = 0
    top: int = 0

    @classmethod
    def after(cls, position: int, using: str) -> Self:
        """Returns the mark at which all events up to ``position`` count as read, and none beyond.

        0 is the position before the first event. Waits for the transactions that are appending. Raises
        `OperationalError` if some are still open after ten seconds, and `InvalidPosition` if ``position`` has not been
        drawn yet.
        """
        settled = settled_position(using)
        if not 0 <= position <= settled:
            raise InvalidPosition(f"Got {position}, but the log ends at {settled}.")
        # The events may have been written in another cluster, whose transaction ids no snapshot of this one covers.
        # All of them are decided, so no snapshot is needed.
        return cls(Cut(None, position, {}), Cut(None, settled, {}), position, settled)

    @classmethod
    def end(cls, using: str) -> Self:
        """Returns the mark at which all that is in the log counts as read. Waits and raises like `after`."""
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
        """Returns the mark as JSON, for `from_json`."""
        cuts = [None if cut is None else [*cut[:2], sorted(cut.open.items())] for cut in (self.seen, self.window)]
        return [*cuts, self.position, self.top]

    @classmethod
    def from_json(cls, stored: Any) -> Self:
        """Returns the mark that `as_json` has converted. Raises ValueError for any other value."""
        try:
            seen, window, position, top = stored
            return cls(_stored_cut(*seen), None if window is None else _stored_cut(*window), int(position), int(top))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{stored!r} is not a mark: {error}") from None


def _stored_cut(snapshot: str | None, high: Any, pairs: Any) -> Cut:
    return Cut(snapshot, int(high), {int(number): int(above) for number, above in pairs})


class Tail:
    """Reads the log of the database ``using``, from marks.

    With ``touches=False``, touches that change nothing but the time are left out, and so are the events of server
    processes: beats and ends of leases.
    """

    def __init__(self, using: str, *, touches: bool = True) -> None:
        self._using = using
        self._touches = touches
        self._columns = ", ".join(str(field.column) for field in PresenceEvent._meta.concrete_fields)

    def open_window(self, mark: Mark) -> Mark:
        """Returns ``mark`` with the window of the next events, which is all that is in the log now.

        A mark that has a window already is returned as it is.

        Raises `TransactionManagementError` in a transaction, where the mark would move beyond what the transaction can
        see. Raises `OperationalError` on a standby, which does not know the transactions that append. Raises
        `LogIsShorter` if the log ends before the mark.
        """
        if not connections[self._using].get_autocommit():
            raise TransactionManagementError("Read the log outside of transactions.")
        if mark.window is not None:
            return mark
        window, top, ended = _next_cut(mark.seen, self._using)
        high = mark.seen.high
        return Mark(mark.seen, window, high if ended is None else min(ended, high), top)

    def read(self, mark: Mark, limit: int, *, rooms: list[str] | None = None) -> tuple[list[PresenceEvent], Mark]:
        """Returns the next events after ``mark``, at most ``limit``, and the mark after them.

        With ``rooms``, the events of other rooms count as read. If the returned mark has no window, all that was in the
        log has been read. Raises the same as `open_window`.
        """
        mark = self.open_window(mark)
        events = list[PresenceEvent]()
        if mark.window is not None and mark.position < mark.top:
            until = min(mark.position + MAX_RANGE, mark.top)
            events = self._events(mark, until, limit, rooms)
            mark = mark._replace(position=events[-1].id if len(events) == limit else until)
        if mark.window is not None and mark.position >= mark.top:
            mark = Mark(mark.window)
        return events, mark

    def _events(self, mark: Mark, until: int, limit: int, rooms: list[str] | None) -> list[PresenceEvent]:
        params = {
            "seen": mark.seen.snapshot,
            "window": mark.window and mark.window.snapshot,
            "after": mark.position,
            "until": until,
            "touches": self._touches,
            "rooms": rooms,
            "limit": limit,
        }
        query = sql.read("presence_events", "queries/tail/events")
        parts = catalogue.parts(using=self._using, after=mark.position, up_to=until) or ["false"]
        found = " UNION ALL ".join(f"({query.format(columns=self._columns, part=part)})" for part in parts)
        query, names = sql.positional(f"SELECT * FROM ({found}) AS event ORDER BY id LIMIT %(limit)s")  # noqa: S608
        return list(PresenceEvent.objects.using(self._using).raw(query, tuple(params[name] for name in names)))


def _next_cut(seen: Cut, using: str) -> tuple[Cut, int, int | None]:
    """Returns the log as it is now as a cut, the last position that may be in it, and a position ``ended``.

    Transactions that were open at the cut ``seen`` and have ended since have appended only after ``ended``. It is None
    if there are none.

    The order matters: first the last position is read, then the transactions that are appending, and then the snapshot
    is taken. So a transaction that had drawn one of the positions is either among those that are appending, or the
    snapshot sees its outcome. The list of running transactions in the snapshot itself cannot be used: it leaves out
    those that began after the last one that ended.
    """
    high = drawn_position(using)
    if high < seen.high:
        raise LogIsShorter(f"It ends at {high} and was read up to {seen.high}.")
    if high == seen.high and not seen.open:
        return seen, high, None
    open_transactions = sql.rows("presence_events", "queries/tail/open_transactions", using=using)
    # A transaction that was not appending at the last cut has drawn none of the positions up to it.
    still_open = {number: seen.open.get(number, seen.high) for (number,) in open_transactions}
    params = {"open": list(seen.open), "above": list(seen.open.values())}
    ((snapshot, top, ended),) = sql.rows("presence_events", "queries/tail/window", params, using=using)
    return Cut(snapshot, high, still_open), top, ended
