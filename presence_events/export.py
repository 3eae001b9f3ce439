"""Writes rows as CSV or JSON lines.

`copy` is for a queryset of any size. PostgreSQL formats the lines (COPY), and each line is passed on before the next
one is read, so neither side holds more than a few. It needs no cursor on the server and leaves no state in the database
connection, so it also works through PgBouncer. `write` is for rows that are already in Python.

Both write the same two formats, with ``\\n`` at the end of each line:

``csv``
    A line of column names, then a line for each row, quoted as in RFC 4180. A null is empty. Booleans, lists and
    dictionaries are JSON text.
``jsonl``
    A JSON object for each row, without a header.

A `header` with the horizons of the log comes before that if earlier rows are missing: in CSV a line that begins with
``#``, in JSON lines an object with the only key ``horizon``.

Times are ISO 8601 with an offset, to the microsecond.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections
from django.db.models import Field, QuerySet
from django.utils import timezone

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from presence_events.positions import CLOCK_TOLERANCE, position_at
from presence_events.segments import horizon, replicas
from presence_events.segments.catalogue import MayContain

__all__ = ["FORMATS", "copy", "events", "header", "spreadsheet_safe", "write"]


class _CopyFormat(NamedTuple):
    line: str
    options: str
    expressions: dict[str, str]
    """SQL for the columns that PostgreSQL would format differently, by the type of the field."""


_NUMBERS = {"DurationField": "extract(epoch FROM {})", "TransactionIdField": "{}::text::numeric"}
_COPY_FORMATS = {
    "csv": _CopyFormat(
        "line.*",
        "HEADER",
        {
            **_NUMBERS,
            "DateTimeField": "to_json({}) #>> '{{}}'",
            "DateField": "to_json({}) #>> '{{}}'",
            "BooleanField": "{}::text",
        },
    ),
    # COPY leaves text unchanged that has neither quotes nor delimiters, and JSON has no control characters.
    "jsonl": _CopyFormat("row_to_json(line)", r"QUOTE E'\x01', DELIMITER E'\x02'", _NUMBERS),
}

FORMATS = tuple(_COPY_FORMATS)
"""The formats of `copy` and `write`."""


def copy(rows: QuerySet[Any], write: Callable[[memoryview], Any], form: str) -> int:
    """Calls ``write`` with each line of ``rows`` in UTF-8. Returns the number of rows.

    They are in the order of their model, or else of its first column.

    ``form`` is one of `FORMATS`. The columns are all columns of the model, under their names in the table. Durations
    are seconds. Times have the offset of the database connection's time zone. In CSV an empty text is ``""``, unlike a
    null, and each value of a JSON column is JSON text, so a text in it has quotes of its own.

    All rows are read in one snapshot. If ``write`` raises, the query is cancelled.
    """
    connection = connections[rows.db]
    statement = _statement(rows, _COPY_FORMATS[form], connection)
    with connection.cursor() as cursor:
        with connection.wrap_database_errors, cursor.copy(statement) as lines:
            for line in lines:
                write(line)
        count: int = cursor.rowcount
    return count


def write(stream: Any, form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes ``rows`` to the text stream ``stream``, each as it comes, under the names ``columns``.

    ``form`` is one of `FORMATS`. Times are in Django's current time zone. In CSV an empty text is empty, like a null,
    and a text has no quotes but those of CSV.
    """
    lines = csv.writer(stream, lineterminator="\n")
    if form == "csv":
        lines.writerow(columns)
    for row in rows:
        values = [_local(value) if isinstance(value, datetime) else value for value in row]
        if form == "csv":
            lines.writerow([_cell(value) for value in values])
        else:
            stream.write(_json(dict(zip(columns, values, strict=True))) + "\n")


def header(horizons: Mapping[str, datetime], form: str) -> bytes:
    """Returns a line in UTF-8 with the horizon of each part of the log, or nothing if ``horizons`` is empty.

    Times have the offset that they have in ``horizons``. ``form`` is one of `FORMATS`.
    """
    if not horizons:
        return b""
    times = {part: validation.aware(moment).isoformat() for part, moment in horizons.items()}
    if form == "csv":
        listed = ", ".join(f"{part} before {time}" for part, time in times.items())
        return f"# horizon: {listed} were removed, apart from what follows\n".encode()
    return (_json({"horizon": times}) + "\n").encode()


_FORMULA_PREFIXES = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What formulas begin with, also in full width, and characters that spreadsheets skip before them."""


def spreadsheet_safe(value: Any) -> Any:
    """Returns text that no spreadsheet takes for a formula, on one line; values other than text as they are.

    Text that could be a formula is prefixed with an apostrophe. Python before 3.13 writes carriage returns unquoted,
    and a spreadsheet would take them for the end of the row.
    """
    if not isinstance(value, str):
        return value
    is_formula = value.startswith(_FORMULA_PREFIXES) or value.lstrip().startswith(_FORMULA_PREFIXES)
    return (f"'{value}" if is_formula else value).replace("\r", " ")


def events(
    start: datetime | None, end: datetime | None, *, using: str, partial: bool = False
) -> QuerySet[PresenceEvent]:
    """Returns the events at or after ``start`` and before ``end``. None leaves that side open.

    The query finds them by their positions, because the log has no index on time. Raises `BeforeHorizon` if either is
    before the horizon of touches or of stays, and `NotYetReplicated` if ``start`` is a time that a replica has not
    reached. With ``partial``, the result is what the database has.
    """
    if not partial:
        horizons = horizon.read(using)
        for moment in (start, end):
            if moment is not None:
                horizon.require(moment, horizons.of_events)
        if start is not None:
            replicas.require(start, horizons.replayed_up_to)
    log = PresenceEvent.objects.using(using)
    first = last = None
    if start is not None:
        first = position_at(start - CLOCK_TOLERANCE, using=using, partial=True)
        log = log.filter(id__gte=first, at__gte=start)
    if end is not None:
        last = position_at(end + CLOCK_TOLERANCE, using=using, partial=True)
        log = log.filter(id__lt=last, at__lt=end)
    if first is None and last is None:
        return log
    after, up_to = (None if position is None else position - 1 for position in (first, last))
    return log.filter(MayContain("id", after=after, up_to=up_to))


def _statement(rows: QuerySet[Any], form: _CopyFormat, connection: Any) -> str:
    """Returns the COPY statement for ``rows``, with the parameters in its text because COPY takes none."""
    fields = rows.model._meta.concrete_fields
    names = {field.name: connection.ops.quote_name(field.column) for field in fields}
    query = rows.order_by().values(*(field.attname for field in fields)).query
    text, params = query.get_compiler(using=rows.db, elide_empty=False).as_sql()
    return sql.read("presence_events", "queries/export/copy").format(
        line=form.line,
        rows=connection.ops.compose_sql(text, params),
        names=", ".join(names.values()),
        columns=", ".join(f"{_expression(field, names[field.name], form)} AS {names[field.name]}" for field in fields),
        order=", ".join(f"found.{names[name]}" for name in rows.model._meta.ordering or [fields[0].name]),
        options=form.options,
    )


def _expression(field: Field[Any, Any], name: str, form: _CopyFormat) -> str:
    return form.expressions.get(field.get_internal_type(), "{}").format(f"found.{name}")


def _local(time: datetime) -> datetime:
    return timezone.localtime(time) if timezone.is_aware(time) else timezone.make_aware(time)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return _json(value) if isinstance(value, (bool, dict, list)) else value


def _json(value: Any) -> str:
    return json.dumps(value, cls=_MicrosecondEncoder, ensure_ascii=False)


class _MicrosecondEncoder(DjangoJSONEncoder):
    """Keeps microseconds, which Django's encoder cuts to milliseconds."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)
