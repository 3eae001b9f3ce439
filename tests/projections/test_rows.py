"""Few rows as CSV or JSON lines."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from uuid import UUID

from projections import rows

COLUMNS = ("a", "b", "c")
VALUES: list[tuple[Any, ...]] = [
    (1, 'a "quoted", text\nof two lines', None),
    (1.5, {"ä": [1, None]}, True),
    (UUID(int=7), datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC), []),
]


def written(form: str) -> StringIO:
    stream = StringIO()
    rows.write(stream, form, COLUMNS, VALUES)
    stream.seek(0)
    return stream


def test_csv_is_read_back(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    assert list(csv.reader(written("csv"))) == [
        ["a", "b", "c"],
        ["1", 'a "quoted", text\nof two lines', ""],
        ["1.5", '{"ä": [1, null]}', "true"],
        ["00000000-0000-0000-0000-000000000007", "2026-03-01T12:00:00.123456+00:00", "[]"],
    ]


def test_json_lines_are_read_back(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    assert [json.loads(line) for line in written("jsonl")] == [
        {"a": 1, "b": 'a "quoted", text\nof two lines', "c": None},
        {"a": 1.5, "b": {"ä": [1, None]}, "c": True},
        {"a": "00000000-0000-0000-0000-000000000007", "b": "2026-03-01T12:00:00.123456+00:00", "c": []},
    ]
