"""Rows on their way out of the database, as CSV or JSON lines, however many there are.

PostgreSQL writes the lines (COPY), and each is handed on before the next is read: neither side holds more than a few.
It needs no cursor on the server and leaves nothing behind in the session, so it works through PgBouncer too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Field, QuerySet

from presence_events import sql
from presence_events.models import PresenceEvent
from presence_events.positions import SLACK, position_at

__all__ = ["FORMATS", "copy", "events"]


class _Format(NamedTuple):
    line: str
    options: str
    columns: dict[str, str]
    """How columns are said that are not said as PostgreSQL would, by the type of the field."""


_NUMBERS = {"DurationField": "extract(epoch FROM {})", "TransactionIdField": "{}::text::numeric"}
_FORMATS = {
    "csv": _Format(
        "line.*", "HEADER", {**_NUMBERS, "DateTimeField": "to_json({}) #>> '{{}}'", "BooleanField": "{}::text"}
    ),
    # Text with neither quotes nor delimiters comes out as it is, and JSON has no control characters.
    "jsonl": _Format("row_to_json(line)", r"QUOTE E'\x01', DELIMITER E'\x02'", _NUMBERS),
}

FORMATS = tuple(_FORMATS)
"""What `copy` can write."""


def copy(rows: QuerySet[Any], write: Callable[[memoryview], Any], form: str) -> int:
    """Hands ``rows`` to ``write``, a line at a time in UTF-8, in the order of their model. Returns how many there were.

    ``form`` is one of `FORMATS`. Either has all columns of the model, under the names of the table. ``csv`` is that of
    RFC 4180, with a line of names first and a bare newline at the end of each; what is null is empty, and an empty text
    is ``""``. ``jsonl`` is a JSON object a line. Times are ISO 8601 with an offset, durations are seconds.

    All rows are those of one moment. If ``write`` raises, the query is cancelled.
    """
    connection = connections[rows.db]
    statement = _statement(rows, _FORMATS[form], connection)
    with connection.cursor() as cursor:
        with connection.wrap_database_errors, cursor.copy(statement) as lines:
            for line in lines:
                write(line)
        count: int = cursor.rowcount
    return count


def events(start: datetime | None, end: datetime | None, *, using: str) -> QuerySet[PresenceEvent]:
    """The events from ``start`` on and before ``end``, found by their positions."""
    log = PresenceEvent.objects.using(using)
    if start is not None:
        log = log.filter(id__gte=position_at(start - SLACK, using=using), at__gte=start)
    if end is not None:
        log = log.filter(id__lt=position_at(end + SLACK, using=using), at__lt=end)
    return log


def _statement(rows: QuerySet[Any], form: _Format, connection: Any) -> str:
    """COPY takes no parameters, so they are put in here."""
    fields = rows.model._meta.concrete_fields
    names = {field.name: connection.ops.quote_name(field.column) for field in fields}
    query = rows.order_by().values(*(field.attname for field in fields)).query
    text, params = query.get_compiler(using=rows.db, elide_empty=False).as_sql()
    return sql.read("presence_events", "queries/export/copy").format(
        line=form.line,
        rows=connection.ops.compose_sql(text, params),
        names=", ".join(names.values()),
        columns=", ".join(f"{_said(field, names[field.name], form)} AS {names[field.name]}" for field in fields),
        order=", ".join(f"found.{names[name]}" for name in rows.model._meta.ordering),
        options=form.options,
    )


def _said(field: Field[Any, Any], name: str, form: _Format) -> str:
    return form.columns.get(field.get_internal_type(), "{}").format(f"found.{name}")
