"""The one statement that appends to the log, on the connection of the calling thread."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections

from presence_events import sql
from presence_events.drafts import Selection
from presence_events.models import PresenceEvent

__all__ = ["Recorded", "append", "append_quietly"]


class Recorded(NamedTuple):
    """What is told of an event that nobody wants to know more of."""

    room: str
    channel_name: str


def append(selections: Sequence[Selection], alias: str, *, lock_patience: float | None = None) -> list[PresenceEvent]:
    """Append what all ``selections`` find, in one statement. Returns the events in log order.

    The selections are one, or all have keys. ``lock_patience`` is for how many seconds PostgreSQL waits for a lock
    before it gives up, in this statement and the rest of its transaction.
    """
    with connections[alias].cursor() as cursor:
        cursor.execute(*_statement(selections, alias, ", ".join(_COLUMNS), lock_patience))
        rows = cursor.fetchall()
    events = sorted((_event(alias, row) for row in rows), key=lambda event: event.id)
    users = (user for selection in selections for user in selection.users if isinstance(user, get_user_model()))
    known = {_KEY.value_from_object(user): user for user in users}
    for event in events:
        if event.user_id in known:
            _USER.set_cached_value(event, known[event.user_id])
    return events


def append_quietly(
    selections: Sequence[Selection], alias: str, *, lock_patience: float | None = None
) -> list[Recorded]:
    """As `append`, for a fraction of what it costs to make events."""
    with connections[alias].cursor() as cursor:
        cursor.execute(*_statement(selections, alias, "room, channel_name", lock_patience))
        return list(map(Recorded._make, cursor.fetchall()))


_USER = PresenceEvent._meta.get_field("user")
_KEY: Any = get_user_model()._meta.pk
_COLUMNS = [str(field.column) for field in PresenceEvent._meta.concrete_fields]
_NAMES = [field.attname for field in PresenceEvent._meta.concrete_fields]


def _event(alias: str, row: Sequence[Any]) -> PresenceEvent:
    values = list(row)
    for position, converts, expression in _converters(alias):
        for convert in converts:
            values[position] = convert(values[position], expression, connections[alias])
    return PresenceEvent.from_db(alias, _NAMES, values)


@cache
def _converters(alias: str) -> list[tuple[int, list[Any], Any]]:
    """What the fields do with what the driver returns, by position in a row."""
    compiler = PresenceEvent.objects.using(alias).all().query.get_compiler(alias)
    columns = [field.get_col(PresenceEvent._meta.db_table) for field in PresenceEvent._meta.concrete_fields]
    return [(position, *converter) for position, converter in compiler.get_converters(columns).items()]


_LOCK_TIMEOUT = "WHERE (SELECT set_config('lock_timeout', %(lock_timeout)s, true)) IS NOT NULL"
"""Evaluated once, before anything else, and valid for one transaction: it needs no round trip and no session."""


def _statement(
    selections: Sequence[Selection], alias: str, returning: str, lock_patience: float | None
) -> tuple[str, dict[str, Any]]:
    """Selections of the same query become one, whose parameters are theirs laid end to end."""
    if len(selections) == 1:
        merged = {selections[0].query: selections[0].params}
    else:
        merged = {}
        for selection in selections:
            columns = merged.setdefault(selection.query, {name: [] for name in selection.params})
            for name, values in selection.params.items():
                columns[name].extend(values)
    params = {
        f"{number}_{name}": _array(value) if isinstance(value, list) else value
        for number, each in enumerate(merged.values())
        for name, value in each.items()
    }
    if lock_patience is not None:
        params["lock_timeout"] = f"{lock_patience}s"
    return _text(tuple(merged), returning, alias, lock_patience is not None), params


def _array(values: list[Any]) -> str:
    """``values`` as PostgreSQL writes arrays. Drivers do the same at several times the cost."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=256)
def _text(queries: tuple[str, ...], returning: str, alias: str, patient: bool) -> str:
    user_id_type = _USER.db_type(connections[alias])
    selections = [
        f"({query.format(user_id=user_id_type)})".replace("%(", f"%({number}_") for number, query in enumerate(queries)
    ]
    return sql.read("presence_events", "append").format(
        selections="\nUNION ALL\n".join(selections), condition=_LOCK_TIMEOUT if patient else "", returning=returning
    )
