"""The statement that appends to the log, on the connection of the calling thread, and the parsing of its rows."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db import IntegrityError, connections
from django.db.models import DateTimeField

from presence_events import sql
from presence_events._recording.drafts import Selection
from presence_events.models import PresenceEvent
from presence_events.schema.instances import stored
from presence_events.users import user_key_type, widest_user_key_type

__all__ = [
    "EventReader",
    "EventRow",
    "Recorded",
    "Row",
    "append",
    "append_quietly",
    "has_claimed_join",
    "is_for_another",
    "to_events",
    "to_recorded",
]

logger = logging.getLogger("presence_events.recorder")


class EventRow(NamedTuple):
    """An event as the driver returns it: a `PresenceEvent` that was not made yet, at a fraction of the cost.

    It has the same fields, apart from the commitment, which a new event lacks. Times are in microseconds since 1970,
    and other values are not converted either.
    """

    id: int
    kind: str
    room: str
    channel_name: str | None
    user_id: Any
    session: int | None
    since: int
    last_seen: int | None
    data: Any
    process: str | None
    is_leased: bool | None
    capacity: int | None
    is_exclusive: bool | None
    at: int
    tx: Any
    day: date


class Recorded(NamedTuple):
    """The room and connection of an event that was recorded quietly."""

    room: str
    channel_name: str


Row = EventRow | Recorded


def append(
    selections: Sequence[Selection], alias: str, *, process: str | None = None, lock_timeout: float | None = None
) -> list[EventRow]:
    """Appends what ``selections`` find, in one statement. Returns the events in log order.

    ``selections`` is a single selection, or all of them have keys. Joins are claimed for ``process``. ``lock_timeout``
    is the number of seconds that PostgreSQL waits for a lock, in this statement and the rest of its transaction.
    """
    rows = _execute(_ALL, selections, alias, process, lock_timeout)
    return sorted(map(EventRow._make, rows), key=attrgetter("id"))


def append_quietly(
    selections: Sequence[Selection], alias: str, *, process: str | None = None, lock_timeout: float | None = None
) -> list[Recorded]:
    """Like `append`, but returns only room and channel name of each event, at a fraction of the cost."""
    rows = _execute(_KEYS, selections, alias, process, lock_timeout)
    return list(map(Recorded._make, rows))


def has_claimed_join(rows: Iterable[Row]) -> bool:
    """Whether one of ``rows`` is a join that is claimed for a process. False for rows of `append_quietly`."""
    return any(isinstance(row, EventRow) and row.process is not None for row in rows)


def is_for_another(row: Row) -> bool:
    """Whether ``row`` ended a stay for the exclusive join of another connection. False for rows of `append_quietly`."""
    return isinstance(row, EventRow) and row.kind == "leave" and bool(row.is_exclusive)


def to_recorded(rows: Iterable[Row]) -> list[Recorded]:
    """Returns the rooms and connections of ``rows``, which are events of connections."""
    return [row if isinstance(row, Recorded) else Recorded(row.room, str(row.channel_name)) for row in rows]


class EventReader:
    """Makes events of the rows of `append`, of the database ``alias``. Looks up once what is the same for all rows."""

    def __init__(self, alias: str) -> None:
        self._connection = connections[alias]
        self._converters = _converters(alias)
        # The user model is looked up here, because its module may import this one.
        self._user_model = get_user_model()
        self._key: Any = self._user_model._meta.pk

    def events(self, rows: Iterable[EventRow], users: Iterable[Any]) -> list[PresenceEvent]:
        """Returns the events of ``rows``, in their order. Each of ``users`` is attached to the events with its key.

        Raises what fields of the project raise.
        """
        events = list(map(self._event, rows))
        known = {
            self._key.to_python(self._key.value_from_object(user)): user
            for user in users
            if isinstance(user, self._user_model)
        }
        for event in events:
            if event.user_id in known:
                _USER.set_cached_value(event, known[event.user_id])
        return events

    def _event(self, row: EventRow) -> PresenceEvent:
        values, connection = list[Any](row), self._connection
        for index in _TIMES:
            if values[index] is not None:
                values[index] = _time(values[index], connection)
        for index, converters, expression in self._converters:
            for convert in converters:
                values[index] = convert(values[index], expression, connection)
        return stored(
            PresenceEvent, connection.alias, dict(zip(EventRow._fields, values, strict=True), commitment=None)
        )


def to_events(rows: Iterable[EventRow], alias: str, users: Iterable[Any]) -> list[PresenceEvent]:
    """Returns what an `EventReader` makes of ``rows``."""
    return EventReader(alias).events(rows, users)


_USER = PresenceEvent._meta.get_field("user")
_FIELDS = [field for field in PresenceEvent._meta.concrete_fields if field.attname in EventRow._fields]
_TIMES = [index for index, field in enumerate(_FIELDS) if isinstance(field, DateTimeField)]


class _Columns(NamedTuple):
    """What a statement returns of each event: expressions of an INSERT, and columns of a call."""

    inserted: str
    called: str


# The driver takes several times as long to parse a time as to parse a number.
_ALL = _Columns(
    ", ".join(
        f"(extract(epoch FROM {field.column}) * 1000000)::bigint"
        if isinstance(field, DateTimeField)
        else str(field.column)
        for field in _FIELDS
    ),
    "*",
)
_KEYS = _Columns("room, channel_name", "room, channel_name")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _time(microseconds: int, connection: Any) -> datetime:
    """Returns the time as Django does: in the time zone of the connection, and naive if ``USE_TZ`` is off."""
    time = _EPOCH + timedelta(microseconds=microseconds)
    if connection.timezone is None:
        return time.astimezone(ZoneInfo(connection.timezone_name)).replace(tzinfo=None)
    return time.astimezone(connection.timezone)


@cache
def _converters(alias: str) -> list[tuple[int, list[Any], Any]]:
    """The converters that the fields apply to the values of the driver, with the index of each field in an event."""
    compiler = PresenceEvent.objects.using(alias).all().query.get_compiler(alias)
    columns = [field.get_col(PresenceEvent._meta.db_table) for field in _FIELDS]
    return [(index, *converter) for index, converter in compiler.get_converters(columns).items()]


def _execute(
    columns: _Columns, selections: Sequence[Selection], alias: str, process: str | None, lock_timeout: float | None
) -> list[tuple[Any, ...]]:
    """Runs the statement. If it fails because other tables refer to some of the rows, it runs again without those.

    Inside ``atomic``, PostgreSQL checks most foreign keys at the commit, which then fails.
    """
    try:
        if selections[0].call and all(selection.call == selections[0].call for selection in selections):
            return _call(columns.called, selections, alias, process, lock_timeout)
        return _run("append", columns.inserted, selections, alias, process=process, lock_timeout=lock_timeout)
    except IntegrityError as error:
        is_referenced = getattr(error.__cause__, "sqlstate", None) in _REFERENCED
        if not is_referenced or connections[alias].in_atomic_block:
            raise
        logger.warning("Some presences or rooms stay as long as other tables refer to them: %s", error)
    return _run("append_unreferenced", columns.inserted, selections, alias, process=process, lock_timeout=lock_timeout)


def _call(
    returning: str, selections: Sequence[Selection], alias: str, process: str | None, lock_timeout: float | None
) -> list[tuple[Any, ...]]:
    text = _call_text(selections[0].call, returning, alias)
    rows = selections[0].rows if len(selections) == 1 else [row for selection in selections for row in selection.rows]
    params: dict[str, Any] = dict(zip(sql.positional(text)[1], map(_array, zip(*rows, strict=True)), strict=False))
    params["process"] = process
    params["lock_timeout"] = None if lock_timeout is None else f"{lock_timeout}s"
    with connections[alias].cursor() as cursor:
        sql.execute(cursor, text, params)
        return list(cursor.fetchall())


@lru_cache(maxsize=16)
def _call_text(call: str, returning: str, alias: str) -> str:
    return call.format(returning=returning, user_id=widest_user_key_type(alias))


def _run(
    query: str,
    returning: str,
    selections: Sequence[Selection],
    alias: str,
    *,
    process: str | None,
    lock_timeout: float | None,
) -> list[tuple[Any, ...]]:
    text, params = _statement(query, selections, alias, returning, lock_timeout)
    with connections[alias].cursor() as cursor:
        sql.execute(cursor, text, {**params, "process": process})
        return list(cursor.fetchall())


_REFERENCED = {"23001", "23503"}
"""Restrict violation and foreign key violation."""


_LOCK_TIMEOUT = "WHERE (SELECT set_config('lock_timeout', '{}s', true)) IS NOT NULL"
"""PostgreSQL evaluates this once, before anything else, and it is valid for one transaction.

It needs no round trip of its own, and works through a transaction pooler.
"""


def _statement(
    query: str, selections: Sequence[Selection], alias: str, returning: str, lock_timeout: float | None
) -> tuple[str, dict[str, Any]]:
    """Merges selections of the same query into one, with their rows concatenated."""
    merged: dict[str, list[tuple[Any, ...]]] = {}
    for selection in selections:
        merged.setdefault(selection.query, []).extend(selection.rows)
    limited = {selection.query for selection in selections if selection.has_limits}
    params = {
        f"0_{name}": _array(value) if isinstance(value, list) else value for name, value in selections[0].params.items()
    }
    for number, (text, rows) in enumerate(merged.items()):
        if rows:
            columns = zip(sql.positional(text)[1], zip(*rows, strict=True), strict=True)
            params |= {f"{number}_{name}": _array(values) for name, values in columns}
    queries = tuple((text, text in limited) for text in merged)
    return _sql_text(query, queries, returning, alias, lock_timeout), params


def _array(values: Sequence[Any]) -> str:
    """Returns ``values`` as a PostgreSQL array literal. The driver does the same at several times the cost."""
    if len(values) > 1 and values.count(values[0]) == len(values):  # as in columns that only some changes need
        return "{" + ",".join([_element(values[0])] * len(values)) + "}"
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


_WITHOUT_LIMITS = "SELECT *, NULL::integer, NULL::boolean FROM ({}) AS plain"
"""A selection without limits, beside others that have some."""

_LIMITED = {
    "limits": ", capacity, is_exclusive",
    "order": "least(step, 0) DESC, CASE WHEN step < 0 THEN user_id END, ",
    "or_for_another": " OR d.is_exclusive",
}
"""Parts of the statement that are empty without limits, which most selections do not have."""


@lru_cache(maxsize=256)
def _sql_text(
    name: str, queries: tuple[tuple[str, bool], ...], returning: str, alias: str, lock_timeout: float | None
) -> str:
    """``queries`` are the texts of the selections, and whether they have limits."""
    has_limits = any(limited for _, limited in queries)
    user_id_type = user_key_type(alias)
    selections = []
    for number, (query, limited) in enumerate(queries):
        text = query.format(user_id=user_id_type).replace("%(", f"%({number}_")
        selections.append(f"({_WITHOUT_LIMITS.format(text) if has_limits and not limited else text})")
    return sql.read("presence_events", f"queries/recording/{name}").format(
        selections="\nUNION ALL\n".join(selections),
        condition="" if lock_timeout is None else _LOCK_TIMEOUT.format(lock_timeout),
        returning=returning,
        **(_LIMITED if has_limits else dict.fromkeys(_LIMITED, "")),
    )
