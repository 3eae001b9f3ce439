"""Measures the archive: ``python -m tests.benchmarks.archive 1000000``.

The log is that of `tests.benchmarks.history`. Its days that are over are archived and verified, and stays are found in
the files. Each query runs three times, and the slowest one counts.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks import disk


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def main(events: int, directory: Path) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from presence_events.archive import querying, verifying, writing
    from presence_events.models import PresenceEvent
    from projections.models import PresenceSession
    from tests.benchmarks import history

    call_command("migrate", verbosity=0)
    history.users(5000)
    history.write(events, progress=lambda message: print(message, flush=True))
    with connection.cursor() as cursor:
        bytes_of = [disk.of("presence_event", function) for function in ("pg_table_size", "pg_indexes_size")]
        cursor.execute(f"SELECT version(), {', '.join(bytes_of)}")
        version, table, indexes = cursor.fetchone()
    print(
        version, f"table {table / events:.0f} and indexes {indexes / events:.0f} bytes an event", sep="\n", flush=True
    )

    start = PresenceEvent.objects.earliest("id").at.astimezone(UTC).date()
    end = (datetime.now(UTC) - timedelta(minutes=1)).date()
    seconds, written = timed(lambda: writing.write(directory, using="default", start=start, end=end))
    count = sum(manifest.total() for manifest in written)
    size = sum(path.stat().st_size for path in directory.iterdir())
    print(f"write   {seconds:6.2f} s  {len(written)} days, {count:,} events, {count / seconds:,.0f} events/s")
    print(f"        {size / count:6.1f} bytes an event, manifests included")
    for name in (None, "default"):
        seconds, problems = timed(lambda using=name: verifying.verify(directory, using=using))
        print(f"verify  {seconds:6.2f} s  {'files' if name is None else 'and the database'}, {len(problems)} problems")

    middle = datetime.combine(start, datetime.min.time(), UTC) + (end - start) / 2 + timedelta(hours=12)
    last = datetime.combine(end, datetime.min.time(), UTC) - timedelta(hours=1)
    stays = PresenceSession.objects
    queries: dict[str, tuple[Callable[[], Iterable[Any]], Callable[[], Iterable[Any]]]] = {
        "at, a room, in the middle": (
            lambda: querying.at(directory, middle, history.ROOM),
            lambda: stays.in_room(history.ROOM).at(middle),
        ),
        "at, a room, an hour before the end": (
            lambda: querying.at(directory, last, history.ROOM),
            lambda: stays.in_room(history.ROOM).at(last),
        ),
        "at, all rooms, in the middle": (lambda: querying.at(directory, middle), lambda: stays.at(middle)),
        "during a day, a room": (
            lambda: querying.during(directory, middle, middle + timedelta(days=1), history.ROOM),
            lambda: stays.in_room(history.ROOM).during(middle, middle + timedelta(days=1)),
        ),
    }
    for name, (archived, logged) in queries.items():
        runs = [timed(lambda call=archived: list(call())) for _ in range(3)]
        database = [timed(lambda call=logged: list(call())) for _ in range(3)]
        found, known = len(runs[0][1]), len(database[0][1])
        slowest = [1000 * max(seconds for seconds, _ in each) for each in (runs, database)]
        print(
            f"query   {slowest[0]:6.0f} ms {found:6,} stays, database {slowest[1]:.0f} ms {known:,}: {name}", flush=True
        )


if __name__ == "__main__":
    from tests import postgres

    postgres.start()
    try:
        with tempfile.TemporaryDirectory() as name:
            main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, Path(name))
    finally:
        from django.db import connections

        connections.close_all()
        postgres.stop()
