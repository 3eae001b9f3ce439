"""Reads an export back into the values that the ORM gives."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet


def read(text: str, form: str, model: type[Model]) -> list[dict[str, Any]]:
    """Returns the rows in ``text``, read by an independent parser."""
    if form == "jsonl":
        assert text == "" or text.endswith("\n")
        rows = [json.loads(line) for line in text.split("\n")[:-1]]
    else:
        header, *lines = csv.reader(StringIO(text, newline=""), strict=True)
        rows = [{name: value or None for name, value in zip(header, line, strict=True)} for line in lines]
    types = {field.attname: field.get_internal_type() for field in model._meta.concrete_fields}
    reads = {**_ANY, **_CSV} if form == "csv" else _ANY
    for row in rows:
        assert list(row) == list(types)
        for name, value in row.items():
            if value is not None:
                row[name] = reads.get(types[name], lambda unchanged: unchanged)(value)
    return [{name: model._meta.get_field(name).to_python(value) for name, value in row.items()} for row in rows]


_ANY: dict[str, Callable[[Any], Any]] = {
    "DateTimeField": datetime.fromisoformat,
    "DurationField": lambda seconds: timedelta(microseconds=int(Decimal(str(seconds)) * 1_000_000)),
}
_CSV: dict[str, Callable[[Any], Any]] = {
    "BooleanField": {"true": True, "false": False}.__getitem__,
    "JSONField": json.loads,
}


def rows_of(queryset: QuerySet[Any]) -> list[dict[str, Any]]:
    """Returns the same rows from the ORM."""
    return list(queryset.values(*(field.attname for field in queryset.model._meta.concrete_fields)))


_TOUCHES = """
INSERT INTO presence_event (id, kind, room, channel_name, session, since, at, tx)
SELECT i, 'touch', 'room-' || i %% 10, 'channel', i, moment, moment, '1000'
FROM generate_series(1, %(count)s) AS i, LATERAL (SELECT now() - (%(count)s - i) * interval '1 s' AS moment) AS at
"""


def write_touches(count: int) -> None:
    """Writes ``count`` events quickly, one for each second until now. They do not form a valid history."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(_TOUCHES, {"count": count})
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
