"""Exports all that is held about a person."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet

from presence_events import export, validation
from presence_events.databases import write_alias
from presence_events.erasure.target import key_text
from presence_events.files import new_file
from presence_events.models import PresenceEvent
from projections.erasure.plan import person_key, person_keys
from projections.final_reports.reading import records_about
from projections.final_reports.records import ReportAnnotation, ScheduledReport
from projections.models import DeadLetter, Presence, PresenceSession
from projections.retention.baseline import BaselineStay

__all__ = ["export_person"]

_MODELS: dict[str, Any] = {
    "events": PresenceEvent,
    "stays": PresenceSession,
    "presences": Presence,
    "baseline": BaselineStay,
}
"""The tables of an export, and their models. The baseline has the stays that were open when events were removed."""

_REPORT_FIELDS = {
    "report": "The number of a final report of attendance.",
    "room": "The name of the room.",
    "title": "What the report is called.",
    "starts_at": "When the span of the report begins.",
    "ends_at": "When the span of the report ends.",
    "made_at": "When the report was made.",
    "row": "What the report says about the person: name, figures and times of presence.",
    "corrections": "Corrections of it, each with its reason and time.",
}
_SCHEDULE_FIELDS = {
    "schedule": "The number of a scheduled report that expects the person. Others who are expected are not named.",
    "room": "The name of the room.",
    "title": "What the report is called.",
    "starts_at": "When the span of the report begins.",
    "ends_at": "When the span of the report ends.",
}
_CORRECTION_FIELDS = {
    "report": "The number of a final report that the person has corrected.",
    "correction": "The correction.",
    "reason": "Why it was made.",
    "author_name": "The name of the person at that time.",
    "at": "When it was made.",
}
_DEAD_LETTER_FIELDS = {
    "dead_letter": "The number of a failed signal about events of the person.",
    "worker": "The name of the worker.",
    "receiver": "What failed.",
    "first": "The position in the log of the first event of the signal.",
    "last": "The position in the log of the last event of the signal.",
    "error": "The last exception; empty if the signal was also about events of others, whom it may name.",
    "at": "When it failed.",
}
_TABLES = {
    "reports": _REPORT_FIELDS,
    "schedules": _SCHEDULE_FIELDS,
    "corrections": _CORRECTION_FIELDS,
    "dead_letters": _DEAD_LETTER_FIELDS,
}
"""The fields of the tables that are not tables of the database."""


def export_person(
    user: Any, directory: Path | str, *, using: str | None = None, archives: Collection[Path] = ()
) -> dict[str, int]:
    """Writes all that the database ``using`` holds about a person into ``directory``. Returns the rows of each table.

    ``person.json`` has all tables and a description of each field. Each table is also in a CSV file of its own, and the
    descriptions are in ``fields.csv``. ``user`` is a user or a key. With ``archives``, events are also read from these
    directories. The directory is created if needed, and files of these names are replaced.

    Raises `InvalidUser`, `NotErasable` for a pseudonym, `ArchiveDamaged`, an OSError, and what the database raises.
    """
    key, alias, directory = person_key(user), write_alias(using), Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    keys = person_keys(key, using=alias)
    person = key_text(validation.user_parameter(key), using=alias)
    counts = {}
    with new_file(directory / "person.json") as file:
        file.write(f'{{"person": {json.dumps(person)},\n"fields": {json.dumps(_fields(), indent=1)}'.encode())
        for name, model in _MODELS.items():
            rows: QuerySet[Any] = model.objects.using(alias).filter(user__in=keys)
            file.write(f',\n"{name}": ['.encode())
            lines = _Lines(file.write)
            counts[name] = export.copy(rows, lines.add, "jsonl")
            file.write(b"]")
            with new_file(directory / f"{name}.csv") as table:
                export.copy(rows, table.write, "csv")
        tables = {
            "reports": _reports(person, alias),
            "schedules": _schedules(person, alias),
            "corrections": _corrections(person, alias),
            "dead_letters": _dead_letters(keys, alias),
        }
        for name, found in tables.items():
            counts[name] = _write_table(name, _TABLES[name], found, directory, file.write)
        if archives:
            counts["archived"] = _write_table("archived", *_archived(person, archives), directory, file.write)
        file.write(b"}\n")
    with (directory / "fields.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["table", "field", "description"])
        writer.writerows((table, field, text) for table, fields in _fields().items() for field, text in fields.items())
    return counts


class _Lines:
    """Writes lines of JSON as the members of a list."""

    def __init__(self, write: Any) -> None:
        self._write = write
        self._separator = b"\n"

    def add(self, line: memoryview | bytes) -> None:
        self._write(self._separator + bytes(line).rstrip(b"\n"))
        self._separator = b",\n"


def _fields() -> dict[str, dict[str, str]]:
    """Returns a description of each field of each table."""
    tables = {
        name: {
            field.column: f"{field.verbose_name}. {field.help_text}".strip().rstrip(".") + "."
            for field in model._meta.concrete_fields
        }
        for name, model in _MODELS.items()
    }
    return {**tables, **_TABLES}


def _reports(person: str, using: str) -> Iterator[dict[str, Any]]:
    """Yields what each final report says about a person."""
    for report, row, corrections in records_about(person, using=using):
        times = (report.starts_at, report.ends_at, report.made_at)
        yield dict(zip(_REPORT_FIELDS, (report.pk, report.room, report.title, *times, row, corrections), strict=True))


def _schedules(person: str, using: str) -> Iterator[dict[str, Any]]:
    """Yields the scheduled reports that expect a person."""
    for schedule in ScheduledReport.objects.using(using).filter(expected__contains=[person]).order_by("pk"):
        values = (schedule.pk, schedule.room, schedule.title, schedule.starts_at, schedule.ends_at)
        yield dict(zip(_SCHEDULE_FIELDS, values, strict=True))


def _corrections(person: str, using: str) -> Iterator[dict[str, Any]]:
    """Yields what a person has written to final reports."""
    for note in ReportAnnotation.objects.using(using).filter(author=person).order_by("pk"):
        values = (note.report_id, note.correction, note.reason, note.author_name, note.at)
        yield dict(zip(_CORRECTION_FIELDS, values, strict=True))


def _dead_letters(keys: Collection[Any], using: str) -> Iterator[dict[str, Any]]:
    """Yields the failed signals about events of a person with ``keys``."""
    of_signal = PresenceEvent.objects.using(using).filter(id__gte=OuterRef("first"), id__lte=OuterRef("last"))
    of_others = of_signal.exclude(user__in=keys).exclude(user=None)
    letters = DeadLetter.objects.using(using).filter(Exists(of_signal.filter(user__in=keys)))
    for letter in letters.annotate(is_about_others=Exists(of_others)).order_by("pk"):
        error = "" if letter.is_about_others else letter.error
        values = (letter.pk, letter.worker, letter.receiver, letter.first, letter.last, error, letter.at)
        yield dict(zip(_DEAD_LETTER_FIELDS, values, strict=True))


def _archived(person: str, archives: Collection[Path]) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """Returns the fields of events in archives, and the events of a person in ``archives``."""
    # The archive needs packages that are an extra.
    from presence_events.archive import erasing
    from presence_events.archive.parquet import schema

    return schema().names, (row for archive in archives for row in erasing.events_of(archive, person))


def _write_table(
    name: str, fields: Collection[str], rows: Iterable[Mapping[str, Any]], directory: Path, write: Any
) -> int:
    """Writes ``rows``, each with ``fields``, to a CSV file and as a list of JSON to ``write``. Returns their number."""
    count = 0
    write(f',\n"{name}": ['.encode())
    lines = _Lines(write)
    with (directory / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(fields)
        for row in rows:
            values = {field: _text(value) for field, value in row.items()}
            writer.writerow(json.dumps(value) if isinstance(value, dict | list) else value for value in values.values())
            lines.add(json.dumps(values, ensure_ascii=False).encode())
            count += 1
    write(b"]")
    return count


def _text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
