"""Measures what each index of the log costs an append, in copies of a database that have only some of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from hashlib import md5
from random import Random

import psycopg
from django.contrib.auth import get_user_model
from django.db import connection

from presence_events.models import PresenceEvent
from tests.benchmarks import disk, measure
from tests.benchmarks.measure import Sample

KINDS = ("join", "touch", "leave")
INDEXES = tuple(index.name for index in PresenceEvent._meta.indexes)
WARM_UP = 2

# The order is the one in which the recorder locks rows.
_APPEND = """
INSERT INTO presence_event (kind, room, channel_name, user_id)
SELECT %s, room, channel_name, user_id
FROM unnest(%s::text[], %s::text[], %s::{key}[]) AS visit (room, channel_name, user_id)
ORDER BY room COLLATE "C", channel_name COLLATE "C"
"""
# Leaves right after the joins would always insert into the same place of an index of stays by their duration.
_AGE = """
UPDATE presence_open_stay SET joined_at = joined_at + ln(1 - random()) * interval '30 minutes'
WHERE channel_name LIKE 'specific.measured!%'
"""

Visits = tuple[list[str], list[str], list[object]]


def sizes() -> dict[str, int]:
    """Returns the bytes of each index, as it was built by appends."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(disk.of(name, 'pg_relation_size') for name in INDEXES)}")
        return dict(zip(INDEXES, cursor.fetchone(), strict=True))


def compare(pid: int, databases: dict[str, str], batches: int, batch: int) -> dict[str, dict[str, list[Sample]]]:
    """Returns the samples of each kind in each of ``databases``, which keep only the index that they are named after.

    ``none`` keeps no index and ``all`` keeps all of them. The databases alternate after every batch, each time in
    another order.
    """
    names = list(databases)
    samples: dict[str, dict[str, list[Sample]]] = {kind: {name: [] for name in names} for kind in KINDS}
    key = get_user_model()._meta.pk.rel_db_type(connection)
    with ExitStack() as stack:
        servers = {name: stack.enter_context(psycopg.connect(url, autocommit=True)) for name, url in databases.items()}
        for name, server in servers.items():
            for index in INDEXES:
                if name not in (index, "all"):
                    server.execute(f"DROP INDEX {index}")
        for number, visits in enumerate(_batches(batches + WARM_UP, batch)):
            first = number % len(names)
            for kind in KINDS:
                for name in names[first:] + names[:first]:
                    sample = _append(pid, servers[name], key, kind, visits)
                    if number >= WARM_UP:
                        samples[kind][name].append(sample)
    return samples


def _append(pid: int, server: psycopg.Connection, key: str, kind: str, visits: Visits) -> Sample:
    def append(some: Visits) -> None:
        recorded = server.execute(_APPEND.format(key=key), [kind, *some]).rowcount
        if recorded != len(some[0]):
            raise AssertionError(f"{recorded} of {len(some[0])} {kind} events were recorded")

    sample = measure.one_by_one(pid, append, [visits])
    if kind == "join":
        server.execute("SET session_replication_role = replica")
        server.execute(_AGE)
        server.execute("SET session_replication_role = origin")
    return sample._replace(n=len(visits[0]))


def _batches(count: int, size: int) -> Iterator[Visits]:
    """Yields stays with rooms and users distributed like those of `tests.benchmarks.history`."""
    keys = list(get_user_model()._default_manager.order_by("username").values_list("pk", flat=True))
    draw = Random(42)
    for number in range(count):
        rooms = [f"room{0 if draw.random() < 1 / 3 else 1 + int(2999 * draw.random() ** 3)}" for _ in range(size)]
        names = [md5(f"{number} {i}".encode(), usedforsecurity=False).hexdigest() for i in range(size)]
        users = [keys[int(len(keys) * draw.random() ** 3)] if draw.random() < 0.9 else None for _ in range(size)]
        yield rooms, [f"specific.measured!{name}" for name in names], users
