"""Reads ranges of the log as canonical lines, and the keys of their subjects."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from django.db import connections

from presence_events import sql
from presence_events.models import SealKey
from presence_events.seals.leaves import Line
from presence_events.segments import catalogue

__all__ = ["find_keys", "lines", "make_keys", "write_keys"]

KEY_BYTES = 32


def lines(after: int, up_to: int, limit: int, *, using: str) -> Iterator[Line]:
    """Yields the events with positions from ``after`` (excluded) to ``up_to`` (included), at most ``limit``."""
    days = catalogue.days(using=using, after=after, up_to=up_to)
    statement = sql.read("presence_events", "queries/seals/events")
    statement = statement.format(after=int(after), up_to=int(up_to), limit=int(limit), days=days)
    connection = connections[using]
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(statement) as rows:
        for row in rows:
            line, _, commitment = bytes(row)[:-1].rpartition(b"\t")
            yield Line.parse(line, None if commitment == b"\\N" else commitment)


def find_keys(subjects: Collection[str], *, using: str) -> dict[str, bytes]:
    """Returns the keys of ``subjects``. Those without a key are missing."""
    return _keys("known_keys", {"subjects": list(subjects)}, using)


def make_keys(subjects: Collection[str], *, using: str) -> dict[str, bytes]:
    """Returns the keys of ``subjects``, and makes those that are missing."""
    found = find_keys(subjects, using=using)
    while missing := [subject for subject in subjects if subject not in found]:
        keys = [secrets.token_bytes(KEY_BYTES) for _ in missing]
        found |= _keys("keys", {"subjects": missing, "keys": keys}, using)
    return found


def write_keys(path: Path, *, using: str) -> int:
    """Writes the keys of all subjects to a new file that only its owner can read, and returns their number.

    Each line is a JSON list of a subject and its key in hexadecimal digits. Raises an OSError if the file exists.
    """
    keys = SealKey.objects.using(using).order_by("subject").values_list("subject", "key")
    count = 0
    with open(path, "x", encoding="utf-8", opener=_for_the_owner) as file:
        for subject, key in keys.iterator():
            file.write(f"{json.dumps([subject, bytes(key).hex()])}\n")
            count += 1
    return count


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _keys(query: str, params: dict[str, Any], using: str) -> dict[str, bytes]:
    rows = sql.rows("presence_events", f"queries/seals/{query}", params, using=using)
    return {subject: bytes(key) for subject, key in rows}
