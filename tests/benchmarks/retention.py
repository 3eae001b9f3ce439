"""Measures retention beside processes that append and read: ``python -m tests.benchmarks.retention 4000000``.

The log is that of `tests.benchmarks.history` over ten days, with a segment of touches for each day. Two days of touches
are older than they are kept. While retention removes them, two writers append joins and leaves, one by one, and a
transaction that has read the log stays open for ten seconds. Their waits are compared with those of the time before.
"""

from __future__ import annotations

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import psycopg

DAYS = 10
KEPT = timedelta(days=7)
READER = 10.0
"""Seconds for which the reader's transaction is open."""

APPEND = "INSERT INTO presence_event (kind, room, channel_name) VALUES (%s, %s, %s)"


class Writer(Thread):
    """Appends a join and a leave in turns, each in a transaction of its own, until it is stopped."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(daemon=True)
        self._url, self._name = url, f"writer-{number}"
        self.stopped = Event()
        self.waits: list[float] = []
        """Seconds that each append took, in order."""

    def run(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self.stopped.is_set():
                for kind in ("join", "leave"):
                    start = time.perf_counter()
                    connection.execute(APPEND, [kind, self._name, self._name])
                    self.waits.append(time.perf_counter() - start)


class Reader(Thread):
    """Reads the log once, and keeps the transaction open for `READER` seconds."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.has_read = Event()

    def run(self) -> None:
        with psycopg.connect(self._url) as connection:
            connection.execute("SELECT count(*) FROM presence_event WHERE id < 1000")
            self.has_read.set()
            time.sleep(READER)


def describe(name: str, waits: list[float]) -> None:
    ordered = sorted(1000 * each for each in waits)
    parts = {"median": ordered[len(ordered) // 2], "99.9 %": ordered[int(len(ordered) * 0.999)], "longest": ordered[-1]}
    figures = ", ".join(f"{part} {value:.2f} ms" for part, value in parts.items())
    print(f"{name:18} {len(ordered):7,} appends: {figures}", flush=True)


def main(events: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from presence_events.models import Removal, Segment
    from presence_events.segments import maintenance
    from projections.replay import repair
    from projections.retention import removing
    from tests import segments
    from tests.benchmarks import history
    from tests.benchmarks.log_jobs import EVENTS_OF_A_STAY

    call_command("migrate", verbosity=0)
    today = datetime.now(UTC).date()
    segments.divide("touches", *(today - timedelta(days=number) for number in range(DAYS, -2, -1)))
    history.users(5000)
    distance = DAYS * 86400 * EVENTS_OF_A_STAY / events
    history.write(events, lambda message: print(message, flush=True), distance=distance)
    settings.CHANNELS_PRESENCE_RETENTION = {"touches": KEPT}
    maintenance.maintain("default")
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        print(f"PostgreSQL {cursor.fetchone()[0]}, {events:,} events in {DAYS} days", flush=True)

    parameters = connection.get_connection_params()
    url = psycopg.conninfo.make_conninfo(
        **{name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if parameters.get(name)}
    )
    writers: list[Any] = [Writer(url, number) for number in range(2)]
    for writer in writers:
        writer.start()
    time.sleep(2)
    before = [len(writer.waits) for writer in writers]
    time.sleep(READER)
    between = [len(writer.waits) for writer in writers]
    reader = Reader(url)
    reader.start()
    reader.has_read.wait()
    start = time.perf_counter()
    outcome = removing.apply("default")
    seconds = time.perf_counter() - start
    for writer in writers:
        writer.stopped.set()
        writer.join()
    describe(
        "without retention",
        [wait for one, a, b in zip(writers, before, between, strict=True) for wait in one.waits[a:b]],
    )
    describe("with retention", [wait for one, b in zip(writers, between, strict=True) for wait in one.waits[b:]])
    removed = sum(sum(removal.events.values()) for removal in Removal.objects.all())
    print(f"{len(outcome.dropped)} segments with {removed:,} events removed in {seconds:.1f} s", flush=True)
    print(f"{Segment.objects.filter(state='closed').count()} closed segments remain")
    start = time.perf_counter()
    assert repair.compare("default") == []
    print(f"replay --check from the baseline: {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    from tests import postgres

    postgres.start()
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 4_000_000)
    finally:
        from django.db import connections

        connections.close_all()
        postgres.stop()
