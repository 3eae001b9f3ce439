"""The records of erasures, as a seal states them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from presence_events.models import Erasure
from presence_events.seals.seal import Part

__all__ = ["Record", "records", "statements"]


class Record(NamedTuple):
    """The record of one erasure: its number, when it was, in which segment, and how many events it has changed."""

    id: int
    at: datetime
    segment: str
    events: int


def records(using: str) -> list[Record]:
    """Returns the records of all erasures, in the order in which they were added."""
    rows = Erasure.objects.using(using).order_by("id").values_list(*Record._fields)
    return [Record(*row) for row in rows]


def statements(found: Iterable[Record]) -> list[Part]:
    """Returns what seals state of the first 0, 1, 2, ... and of all of ``found``: their number and their hash."""
    digest = sha256()
    stated = [Part(0, digest.hexdigest())]
    for number, record in enumerate(found, start=1):
        at = record.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        digest.update(f"{record.id}\t{at}\t{record.segment}\t{record.events}\n".encode())
        stated.append(Part(number, digest.hexdigest()))
    return stated
