"""Rows that are few enough to pass through Python, as CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils import timezone

__all__ = ["FORMATS", "write"]

FORMATS = ("csv", "jsonl")


def write(stream: Any, form: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes ``rows`` with the names of their ``columns`` to ``stream``.

    Times are ISO 8601, in the current time zone. In CSV, None is empty and what is neither text nor number is JSON.
    """
    lines = csv.writer(stream, lineterminator="\n")
    if form == "csv":
        lines.writerow(columns)
    for row in rows:
        values = [_local(value) if isinstance(value, datetime) else value for value in row]
        if form == "csv":
            lines.writerow([_cell(value) for value in values])
        else:
            stream.write(json.dumps(dict(zip(columns, values, strict=True)), cls=_Encoder, ensure_ascii=False) + "\n")


def _local(time: datetime) -> datetime:
    return timezone.localtime(time) if timezone.is_aware(time) else timezone.make_aware(time)


class _Encoder(DjangoJSONEncoder):
    """To the microsecond, unlike that of JavaScript."""

    def default(self, o: Any) -> Any:
        return o.isoformat() if isinstance(o, datetime) else super().default(o)


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, cls=_Encoder, ensure_ascii=False)
    return value
