"""The fold once more, without the trigger: what the log says is there now, or was at an earlier position or moment.

The log holds facts only, so it need not be followed event by event. Of a stretch of it, whatever its length, only this
matters: which stays it ended, which it began that went on, which rooms it pruned and made. `Fold` puts such stretches
together, and in the end reads when those who are left were last touched. What it keeps in memory is who is there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Min

from presence_events import sql
from presence_events.models import PresenceEvent

__all__ = ["Difference", "Fold", "Progress", "before_first", "stretches"]

STRETCH = 250_000
"""Positions that are read at a time: a fraction of a second, and memory for the stays among them."""

Progress = Callable[[str, int, int], None]
"""Called with what is read, how much of it has been, and of how much: in positions of the log."""


class Difference(NamedTuple):
    """A row of ``table`` that is not as the log has it.

    ``found`` is the row of the table and ``folded`` that of the log; None is none.
    """

    table: str
    key: Any
    found: dict[str, Any] | None
    folded: dict[str, Any] | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.table} {self.key} is missing: {self.folded}"
        if self.folded is None:
            return f"{self.table} {self.key} should not be there: {self.found}"
        changes = [
            f"{column} is {self.found[column]!r} instead of {right!r}"
            for column, right in self.folded.items()
            if self.found[column] != right
        ]
        return f"{self.table} {self.key}: {', '.join(changes)}"


class _Projection(NamedTuple):
    """A table that is folded, and the query that gives its rows."""

    table: str
    key: str
    room: str
    columns: tuple[str, ...]
    final: tuple[str, ...]
    """Columns that an update never changes: a row that differs in them is another row."""
    query: str


_ROOMS = _Projection("presence_room", "channel_name", "channel_name", ("channel_name", "created_at"), (), "rooms")
_PRESENCES = _Projection(
    "presence",
    "id",
    "room",
    ("id", "room", "channel_name", "user_id", "joined_at", "last_seen", "data", "process"),
    ("room", "channel_name"),
    "presences",
)


class _Changes(NamedTuple):
    """What a stretch of the log changes: sessions and the positions of their joins, rooms and those that made them."""

    ended: list[int]
    began: list[int]
    joins: list[int]
    pruned: list[str]
    made: list[str]
    makers: list[int]


class Fold:
    """The state after what was read of the log.

    Of one ``room``, or of all. With ``moment``, what happened later is left out.
    """

    def __init__(self, using: str, *, room: str | None = None, moment: datetime | None = None) -> None:
        self._using = using
        self._room = room
        self._moment = moment
        self._makers: dict[str, int] = {}
        self._joins: dict[int, int] = {}
        self._touches: dict[int, tuple[datetime | None, int | None]] = {}

    def read(self, upto: int, *, after: int = 0, snapshot: str | None = None, progress: Progress | None = None) -> None:
        """Folds the events after the position ``after``, up to and including ``upto``.

        With ``snapshot`` those that were visible in it are left out, because they have been read. In a transaction.
        """
        which = {"room": self._room, "moment": self._moment, "snapshot": snapshot}
        query = partial(sql.rows, "projections", using=self._using)
        query("queries/replay/settings")
        after = max(after, before_first(self._using, self._room, upto))
        for stretch in stretches("joins and leaves", after, upto, progress):
            (changes,) = query("queries/replay/changes", {**which, **stretch})
            self._follow(_Changes(*changes))
        after = max(after, min(self._joins.values(), default=upto))
        for stretch in stretches("touches", after, upto, progress):
            sessions = {"sessions": list(self._joins)}
            for session, touched, said in query("queries/replay/touches", {**which, **stretch, **sessions}):
                self._touches[session] = touched, said or self._touches.get(session, (None, None))[1]

    def differences(self) -> list[Difference]:
        """The rows of the tables that are not as they are here."""
        return [*self._compare(_ROOMS), *self._compare(_PRESENCES)]

    def present(self) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns, and the rows: every room with who is there, one that is empty once."""
        statement = _query("state").format(rooms=_query(_ROOMS.query), presences=_query(_PRESENCES.query))
        with connections[self._using].cursor() as cursor:
            cursor.execute(statement, self._params())
            columns = [column.name for column in cursor.description]
            return columns, [(*row, data and json.loads(data)) for *row, data in cursor.fetchall()]

    def write(self, differences: list[Difference]) -> None:
        """Makes those rows of the tables what they are here. The guards of the tables have to be down."""
        rooms = [each for each in differences if each.table == _ROOMS.table]
        presences = [each for each in differences if each.table == _PRESENCES.table]
        self._write(_ROOMS, rooms)
        self._delete(_PRESENCES, presences)
        self._write(_PRESENCES, presences)
        self._delete(_ROOMS, rooms)

    def _follow(self, changes: _Changes) -> None:
        for session in changes.ended:
            self._joins.pop(session, None)
            self._touches.pop(session, None)
        self._joins.update(zip(changes.began, changes.joins, strict=True))
        for room in changes.pruned:
            self._makers.pop(room, None)
        for room, maker in zip(changes.made, changes.makers, strict=True):
            self._makers.setdefault(room, maker)

    def _params(self) -> dict[str, Any]:
        touches = [self._touches.get(session, (None, None)) for session in self._joins]
        return {
            "makers": list(self._makers.values()),
            "joins": list(self._joins.values()),
            "touched": [touched for touched, _ in touches],
            "said": [said for _, said in touches],
        }

    def _compare(self, projection: _Projection) -> Iterator[Difference]:
        for row in self._run("differences", projection, room=self._room):
            yield Difference(projection.table, *row)

    def _write(self, projection: _Projection, differences: list[Difference]) -> None:
        self._run("write", projection, keys=[each.key for each in differences if each.folded is not None])

    def _delete(self, projection: _Projection, differences: list[Difference]) -> None:
        self._run("delete", projection, keys=[each.key for each in differences if _is_another(projection, each)])

    def _run(self, query: str, projection: _Projection, **params: Any) -> list[Any]:
        changing = [column for column in projection.columns if column not in (projection.key, *projection.final)]
        return sql.rows(
            "projections",
            f"queries/replay/{query}",
            {**self._params(), **params},
            using=self._using,
            table=projection.table,
            key=projection.key,
            room=projection.room,
            columns=", ".join(projection.columns),
            changes=", ".join(f"{column} = excluded.{column}" for column in changing),
            folded=_query(projection.query),
        )


def _query(name: str) -> str:
    return sql.read("projections", f"queries/replay/{name}")


def before_first(using: str, room: str | None, upto: int) -> int:
    """The position before the log begins: that of the room, if one is given. ``upto`` if there is nothing."""
    events = PresenceEvent.objects.using(using)
    if room is not None:
        events = events.filter(room=room).exclude(kind="touch")
    first: int = events.aggregate(first=Min("id", default=upto + 1))["first"]
    return first - 1


def _is_another(projection: _Projection, difference: Difference) -> bool:
    """Whether the row of the table has no place in the log, at least not under its names."""
    found, folded = difference.found, difference.folded
    if found is None:
        return False
    return folded is None or any(found[column] != folded[column] for column in projection.final)


def stretches(what: str, after: int, upto: int, progress: Progress | None) -> Iterator[dict[str, int]]:
    """The log from ``after`` to ``upto`` bit by bit, as parameters of queries; says ``what`` is read, and how far."""
    for start in range(after, upto, STRETCH):
        end = min(start + STRETCH, upto)
        yield {"after": start, "upto": end}
        if progress:
            progress(what, end - after, upto - after)
