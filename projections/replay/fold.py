"""Folds the log without the trigger: computes the projections as of now, or of an earlier position or moment.

The log holds facts only, so `Fold` need not follow it event by event. For a range of any length, only the outcome
counts: the stays that it ended, the stays that it began and left open, the rooms that it pruned and the rooms that it
created. `Fold` combines the outcomes of successive ranges, then reads the touches of the stays that are still open. Of
the leases only the last event of each process counts. It keeps only the open stays, the rooms and the leases in memory.

A fold begins with the baseline, if there is one: what it has was not changed by an event that the log still has, until
one changes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connections

from presence_events import sql
from presence_events.exceptions import BeforeHorizon
from presence_events.schema.json_data import TolerantDecoder
from presence_events.segments import catalogue, horizon
from projections.replay.ranges import ReportProgress, position_before_first, ranges
from projections.retention import baseline

__all__ = ["Fold"]


class _Changes(NamedTuple):
    """The outcome of a range. Stays are session numbers; joins are positions, in the order of the field before."""

    ended_stays: list[int]
    open_stays: list[int]
    open_stay_joins: list[int]
    pruned_rooms: list[str]
    created_rooms: list[str]
    creating_joins: list[int]


class _Touches(NamedTuple):
    """The time of the last touch of a stay, and positions of its touches.

    These are the position of the last one with data, and of the last one that said whether the stay depends on a lease.
    """

    touched_at: datetime | None = None
    data_position: int | None = None
    lease_position: int | None = None


class Fold:
    """The rooms, presences and leases after the events that have been read.

    Covers one ``room``, or all rooms, and all leases. With ``moment``, later events are left out. A fold holds
    positions, so its rows have to be queried in the transaction that `read` ran in.
    """

    def __init__(self, using: str, *, room: str | None = None, moment: datetime | None = None) -> None:
        self.using = using
        self.room = room
        self.start = baseline.Start(0, None)
        """Where the fold began."""
        self._moment = moment
        # By the position of the event that a row comes from, or None if it comes from the baseline.
        self._creating_joins: dict[str, int | None] = {}
        self._joins: dict[int, int | None] = {}
        self._beats: dict[str, int | None] = {}
        self._touches: dict[int, _Touches] = {}

    def read(self, up_to: int, *, snapshot: str | None = None, report: ReportProgress | None = None) -> None:
        """Folds the baseline, and the events after it up to ``up_to``. Must be called once, in a transaction.

        Leaves the events out that were visible in ``snapshot``. Raises `BeforeHorizon` if ``up_to`` or the moment of
        the fold is before the baseline.
        """
        self.start = baseline.start(self.using)
        if up_to < self.start.position:
            raise BeforeHorizon(up_to, self.start.position)
        if self._moment is not None:
            horizon.require(self._moment, self.start.at)
        query = partial(sql.rows, "projections", using=self.using)
        ((rooms, sessions, processes),) = query("queries/replay/baseline", {"room": self.room})
        self._creating_joins = dict.fromkeys(rooms)
        self._joins = dict.fromkeys(sessions)
        self._beats = dict.fromkeys(processes)
        self.read_more(up_to, after=self.start.position, snapshot=snapshot, report=report)

    def read_more(
        self, up_to: int, *, after: int, snapshot: str | None = None, report: ReportProgress | None = None
    ) -> None:
        """Folds the events from ``after`` (excluded) to ``up_to`` (included). Must be called in a transaction.

        Events that were visible in ``snapshot`` are left out, because they have been read before.
        """
        filters = {"room": self.room, "moment": self._moment, "snapshot": snapshot}
        query = partial(sql.rows, "projections", using=self.using)
        query("queries/replay/settings")
        first_beat = max(after, position_before_first(self.using, "", up_to))
        for positions in ranges("beats", first_beat, up_to, report):
            for process, position, has_ended in query("queries/replay/leases", {**filters, **positions}):
                self._beats[process] = position
                if has_ended:
                    del self._beats[process]
        first_change = max(after, position_before_first(self.using, self.room, up_to))
        for positions in ranges("joins and leaves", first_change, up_to, report):
            (changes,) = query("queries/replay/changes", {**filters, **positions})
            self._apply(_Changes(*changes))
        first_touch = max(after, min((join or after for join in self._joins.values()), default=up_to))
        for positions in ranges("touches", first_touch, up_to, report):
            stays = {"sessions": list(self._joins)}
            for session, *touches in query("queries/replay/touches", {**filters, **positions, **stays}):
                touched_at, data, lease = touches
                before = self._touches_of(session)
                self._touches[session] = _Touches(
                    touched_at, data or before.data_position, lease or before.lease_position
                )

    def present(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Returns the column names and the rows: one for each presence, and one for each empty room."""
        parts = {name: self.query(name) for name in ("rooms", "presences", "processes")}
        statement = sql.read("projections", "queries/replay/state").format(**parts)
        with connections[self.using].cursor() as cursor:
            sql.execute(cursor, statement, self.params())
            columns = [column.name for column in cursor.description]
            return columns, [(*row, data and json.loads(data, cls=TolerantDecoder)) for *row, data in cursor.fetchall()]

    def query(self, name: str) -> str:
        """Returns ``rooms.sql``, ``presences.sql`` or ``processes.sql`` for the segments that have its events."""
        touches = list(self._touches.values())
        positions: dict[str, list[tuple[str, str, str, Iterable[int | None]]]] = {
            "rooms": [("creating_joins", "stays", "presence_event", self._creating_joins.values())],
            "presences": [
                ("joins", "stays", "j", self._joins.values()),
                ("touches", "touches", "touch", [each.data_position for each in touches]),
                ("leases", "touches", "lease", [each.lease_position for each in touches]),
            ],
            "processes": [("beats", "touches", "presence_event", self._beats.values())],
        }
        days = {fragment: self._days(part, table, found) for fragment, part, table, found in positions[name]}
        return sql.read("projections", f"queries/replay/{name}").format(**days)

    def _days(self, part: str, table: str, positions: Iterable[int | None]) -> str:
        found = [position for position in positions if position is not None]
        if not found:
            return "false"
        return catalogue.days(using=self.using, only=part, table=table, after=min(found) - 1, up_to=max(found))

    def params(self) -> dict[str, Any]:
        """Returns the parameters of ``rooms.sql``, ``presences.sql`` and ``processes.sql``, which give its rows."""
        creating_joins, baseline_rooms = _divided(self._creating_joins)
        joins, baseline_stays = _divided(self._joins)
        beats, baseline_processes = _divided(self._beats)
        touches = list(self._touches.values())
        return {
            "creating_joins": creating_joins,
            "baseline_rooms": baseline_rooms,
            "joins": joins,
            "baseline_stays": baseline_stays,
            "touched": list(self._touches),
            "touched_at": [each.touched_at for each in touches],
            "data_positions": [each.data_position for each in touches],
            "lease_positions": [each.lease_position for each in touches],
            "beats": beats,
            "baseline_processes": baseline_processes,
        }

    def _apply(self, changes: _Changes) -> None:
        for session in changes.ended_stays:
            self._joins.pop(session, None)
            self._touches.pop(session, None)
        self._joins.update(zip(changes.open_stays, changes.open_stay_joins, strict=True))
        for room in changes.pruned_rooms:
            self._creating_joins.pop(room, None)
        for room, join in zip(changes.created_rooms, changes.creating_joins, strict=True):
            self._creating_joins.setdefault(room, join)

    def _touches_of(self, session: int) -> _Touches:
        return self._touches.get(session, _Touches())


def _divided(rows: dict[Any, int | None]) -> tuple[list[int], list[Any]]:
    """Returns the positions of the rows that come from the log, and the keys of those that come from the baseline."""
    return (
        [position for position in rows.values() if position is not None],
        [key for key, position in rows.items() if position is None],
    )
