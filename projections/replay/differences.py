"""Finds the rows of the projections that differ from the log, and writes them."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from presence_events import sql
from presence_events.schema.json_data import TolerantDecoder
from projections.replay.fold import Fold

__all__ = ["BASELINE", "LIVE", "Difference", "Tables", "find_differences", "write_differences"]


class Difference(NamedTuple):
    """A row of ``table`` that differs from the log.

    ``found`` is the row in the table, ``folded`` the row that the log gives. Either is None if there is no such row.
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
            f"{column} is {self.found[column]!r} instead of {expected!r}"
            for column, expected in self.folded.items()
            if self.found[column] != expected
        ]
        return f"{self.table} {self.key}: {', '.join(changes)}"


class _Projection(NamedTuple):
    """A projection, or the same table of the baseline, and the query that computes its rows from a `Fold`."""

    table: str
    key: str
    room: str | None
    """The column with the name of the room, or None if the rows belong to no room."""
    columns: tuple[str, ...]
    identity: tuple[str, ...]
    """Columns that are never updated. If one of them differs, the row is deleted and the right one inserted."""
    query: str


class Tables(NamedTuple):
    """The tables that have the rows of a `Fold`."""

    rooms: _Projection
    presences: _Projection
    processes: _Projection


LIVE = Tables(
    _Projection("presence_room", "channel_name", "channel_name", ("channel_name", "created_at"), (), "rooms"),
    _Projection(
        "presence_open_stay",
        "id",
        "room",
        (
            "id",
            "room",
            "channel_name",
            "user_id",
            "joined_at",
            "touched_at",
            "data",
            "process",
            "is_leased",
            "exclusive_room",
        ),
        ("room", "channel_name", "exclusive_room"),
        "presences",
    ),
    _Projection("presence_process", "name", None, ("name", "started_at", "seen_at"), (), "processes"),
)
"""The projections."""

BASELINE = Tables(
    LIVE.rooms._replace(table="presence_baseline_room"),
    LIVE.presences._replace(table="presence_baseline_stay"),
    LIVE.processes._replace(table="presence_baseline_process"),
)
"""The baseline, which has the same columns."""


def find_differences(fold: Fold, tables: Tables = LIVE) -> list[Difference]:
    """Returns the rows of ``tables`` that differ from ``fold``."""
    return [
        Difference(projection.table, key, _row(projection, found, found_data), _row(projection, folded, folded_data))
        for projection in tables
        if projection.room is not None or fold.room is None
        for key, found, folded, found_data, folded_data in _run("differences", fold, projection, room=fold.room)
    ]


def _row(projection: _Projection, values: dict[str, Any] | None, data: str | None) -> dict[str, Any] | None:
    """Returns the columns of ``projection`` in order. ``data`` is JSON text, and None if the table has no data."""
    if values is None:
        return None
    if data is not None:
        values["data"] = json.loads(data, cls=TolerantDecoder)
    return {column: values[column] for column in projection.columns}


def write_differences(fold: Fold, differences: list[Difference], tables: Tables = LIVE) -> None:
    """Changes the rows in ``differences`` to what ``fold`` has. The guards of ``tables`` must be disabled."""
    rooms, presences, processes = (
        [each for each in differences if each.table == projection.table] for projection in tables
    )
    # A presence needs its room, and a deleted row frees its unique names for an inserted one.
    _write(fold, tables.rooms, rooms)
    _delete(fold, tables.presences, presences)
    _write(fold, tables.presences, presences)
    _delete(fold, tables.rooms, rooms)
    _write(fold, tables.processes, processes)
    _delete(fold, tables.processes, processes)


def _write(fold: Fold, projection: _Projection, differences: list[Difference]) -> None:
    _run("write", fold, projection, keys=[each.key for each in differences if each.folded is not None])


def _delete(fold: Fold, projection: _Projection, differences: list[Difference]) -> None:
    _run("delete", fold, projection, keys=[each.key for each in differences if _has_to_go(projection, each)])


def _has_to_go(projection: _Projection, difference: Difference) -> bool:
    """Returns whether the row in the table has no counterpart in the log with the same identity."""
    found, folded = difference.found, difference.folded
    if found is None:
        return False
    if folded is None or any(found[column] != folded[column] for column in projection.identity):
        return True
    # Two exclusive stays can have each other's user, and updates of single rows would break the unique index.
    return bool(folded.get("exclusive_room")) and found["user_id"] != folded["user_id"]


def _run(query: str, fold: Fold, projection: _Projection, **params: Any) -> list[Any]:
    updated = [column for column in projection.columns if column not in (projection.key, *projection.identity)]
    return sql.rows(
        "projections",
        f"queries/replay/{query}",
        {**fold.params(), **params},
        using=fold.using,
        table=projection.table,
        key=projection.key,
        room=projection.room or "NULL",
        columns=", ".join(projection.columns),
        changes=", ".join(f"{column} = excluded.{column}" for column in updated),
        folded=fold.query(projection.query),
    )
