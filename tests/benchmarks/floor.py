"""Compares an append with the floor: a bare INSERT of the same row into a table like the log, without triggers.

The two statements differ only in the name of the table. They set kind, room and channel name; the bare table has column
defaults for what the fold computes. Columns, constraints and indexes are the same. Two Python functions are measured as
well: `record`, which returns the events, and the ``bulk_create`` of the ORM, which returns the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection, models
from django.utils import timezone

from presence_events.recorder import Draft, record
from tests.benchmarks import measure
from tests.benchmarks.measure import Sample
from tests.benchmarks.visits import Visit, visits

KINDS = ("join", "touch", "leave")
VARIANTS = ("bare", "sql", "orm", "recorder")

_TABLE = """
CREATE TABLE bare_event (LIKE presence_event INCLUDING ALL);
CREATE SEQUENCE bare_event_id_seq OWNED BY bare_event.id;
CREATE SEQUENCE bare_event_session_seq OWNED BY bare_event.session;
ALTER TABLE bare_event
    ALTER id SET DEFAULT nextval('bare_event_id_seq'),
    ALTER session SET DEFAULT nextval('bare_event_session_seq'),
    ALTER since SET DEFAULT clock_timestamp(),
    ALTER at SET DEFAULT clock_timestamp(),
    ALTER tx SET DEFAULT pg_current_xact_id()
"""
_ONE = "INSERT INTO {table} (kind, room, channel_name) VALUES (%s, %s, %s)"
_MANY = """
INSERT INTO {table} (kind, room, channel_name)
SELECT %s, room, channel_name FROM unnest(%s::text[], %s::text[]) AS visit (room, channel_name)
"""


class BareEvent(models.Model):
    id = models.BigAutoField(primary_key=True)
    kind = models.TextField()
    room = models.TextField()
    channel_name = models.TextField()
    user_id = models.BigIntegerField(null=True)
    session = models.BigIntegerField()
    since = models.DateTimeField()
    last_seen = models.DateTimeField(null=True)
    data = models.JSONField(null=True)
    at = models.DateTimeField()

    class Meta:
        app_label = "benchmarks"
        db_table = "bare_event"
        managed = False


def make() -> None:
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)


def compare(pid: int, rows: int, turn: int, batch: int, synchronous_commit: str) -> dict[str, dict[str, list[Sample]]]:
    """Returns the samples of each kind and variant, for ``rows`` rows of each in statements of ``batch`` rows.

    The variants alternate after every ``turn`` rows, each time in another order.
    """
    _set("synchronous_commit", synchronous_commit)
    samples: dict[str, dict[str, list[Sample]]] = {kind: {variant: [] for variant in VARIANTS} for kind in KINDS}
    for number, visitors in enumerate(_parts(visits(rows), turn)):
        first = number % len(VARIANTS)
        order = VARIANTS[first:] + VARIANTS[:first]
        for kind in KINDS:
            for variant in order:
                samples[kind][variant].append(_append(pid, variant, kind, visitors, batch))
    _set("synchronous_commit", "on")
    _check()
    return samples


def _append(pid: int, variant: str, kind: str, visitors: list[Visit], batch: int) -> Sample:
    with connection.cursor() as cursor:
        calls = {
            "bare": lambda some: cursor.execute(*_statement("bare_event", kind, some)),
            "sql": lambda some: cursor.execute(*_statement("presence_event", kind, some)),
            "orm": lambda some: BareEvent.objects.bulk_create(_rows(kind, some)),
            # These rooms are separate, because the connections of the other variant are in the rooms without a prefix.
            "recorder": lambda some: record([Draft(kind, f"recorded-{visit.room}", visit[1]) for visit in some]),
        }
        sample = measure.one_by_one(pid, calls[variant], list(_parts(sorted(visitors), batch)))
    return sample._replace(n=len(visitors))


def _statement(table: str, kind: str, visitors: list[Visit]) -> tuple[str, list[Any]]:
    if len(visitors) == 1:
        return _ONE.format(table=table), [kind, *visitors[0]]
    rooms, channel_names = zip(*visitors, strict=True)
    return _MANY.format(table=table), [kind, list(rooms), list(channel_names)]


def _rows(kind: str, visitors: list[Visit]) -> list[BareEvent]:
    now = timezone.now()
    return [BareEvent(kind=kind, room=room, channel_name=name, session=1, since=now, at=now) for room, name in visitors]


def _parts(visitors: list[Visit], size: int) -> Iterator[list[Visit]]:
    for i in range(0, len(visitors), size):
        yield visitors[i : i + size]


def _set(name: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, false)", [name, value])


def _check() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT (SELECT count(*) FROM bare_event), (SELECT count(*) FROM presence_event)")
        bare, recorded = cursor.fetchone()
    if recorded != bare:
        raise AssertionError(f"{recorded:,} events are in the log and {bare:,} rows in the bare table")
