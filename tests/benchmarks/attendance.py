"""Measures attendance reports: ``python -m tests.benchmarks.attendance``. ``--small`` tries it with a tenth of it all.

The log has a day of a room with 10,000 people, of whom each has five stays; 60 meetings of 500 people in another room,
an hour each, in which each person has two stays; and 300,000 stays in 1,000 other rooms at the same times. One stay in
five was pruned. Each figure is that of the slowest of three runs.
"""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.benchmarks import cpu
from tests.benchmarks.measure import Clock

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
MEETINGS = 60
RUNS = 3

_STAYS = """
WITH stay AS (
    SELECT
        n AS number,
        %(room)s || CASE WHEN %(rooms)s > 1 THEN '-' || n %% %(rooms)s ELSE '' END AS room,
        md5(%(room)s || n) || md5(n::text) AS channel_name,
        (%(keys)s)[1 + n %% cardinality(%(keys)s)] AS user_id,
        %(start)s::timestamptz + random() * %(lasts)s::interval AS since,
        random() * %(stay)s::interval AS duration
    FROM generate_series(1, %(count)s) AS n
)
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, last_seen, at, tx, day)
SELECT
    nextval('presence_event_id_seq'),
    CASE WHEN number %% 5 = 0 THEN 'prune' ELSE 'leave' END,
    room,
    channel_name,
    user_id,
    nextval('presence_open_stay_id_seq'),
    since,
    since + 0.9 * duration,
    since + duration,
    '1000',
    (since + duration)::date
FROM stay
ORDER BY since + duration
"""


def write(room: str, keys: list[Any], count: int, *, lasts: timedelta, stay: timedelta = HOUR, **more: Any) -> None:
    """Writes the ends of ``count`` stays of ``keys``, which begin within ``lasts`` and last up to ``stay``.

    ``more`` may say from which ``start`` on they begin, and that the room is one of several ``rooms``.
    """
    from django.db import connection

    params = {
        "room": room,
        "keys": keys,
        "count": count,
        "lasts": lasts,
        "stay": stay,
        "start": FIRST,
        "rooms": 1,
    } | more
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(_STAYS, params)
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")


def measure(name: str, server: int, reports: Callable[[], Iterable[Any]]) -> None:
    """Prints what ``reports`` take: the time, and the CPU time of this process and of PostgreSQL."""
    clocks = []
    for _ in range(RUNS):
        with Clock(server) as clock:
            people = [len(report.people) for report in reports()]
        clocks.append(clock)
    slowest = max(clocks, key=lambda each: each.seconds)
    print(
        f"{name}: {slowest.seconds:.2f} s, CPU {slowest.client:.2f} s of Python and {slowest.server:.2f} s of"
        f" PostgreSQL, {len(people)} reports, {sum(people):,} people",
        flush=True,
    )


def peaks(reports: Iterable[Any]) -> list[int]:
    """Returns the most bytes that Python had for each report, which is forgotten afterwards."""
    found = []
    tracemalloc.start()
    for _ in reports:
        found.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    return found


def main(share: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection

    from projections.attendance import attendance
    from tests.benchmarks import history

    call_command("migrate", verbosity=0)
    people, members, others = (int(share * count) for count in (10_000, 500, 300_000))
    history.users(people)
    keys = list(get_user_model()._default_manager.order_by("pk").values_list("pk", flat=True))
    began = time.perf_counter()
    write("other", keys, others, lasts=MEETINGS * DAY, rooms=1000)
    write("day", keys, 5 * people, lasts=DAY, stay=2 * HOUR)
    for number in range(MEETINGS):
        write("meeting", keys[:members], 2 * members, lasts=HOUR, start=FIRST + number * DAY)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE presence_event")
        cursor.execute("SELECT version(), pg_backend_pid()")
        version, backend = cursor.fetchone()
    print(
        f"{version}\n{others + 5 * people + 120 * members:,} stays in {time.perf_counter() - began:.0f} s", flush=True
    )
    server = cpu.parent(backend)
    expected = get_user_model()._default_manager.all()

    def meetings() -> Iterable[Any]:
        for number in range(MEETINGS):
            start = FIRST + number * DAY
            yield attendance("meeting", start, start + HOUR, keys[:members])

    measure(f"a day of {people:,} people", server, lambda: [attendance("day", FIRST, FIRST + DAY, expected)])
    measure(f"{MEETINGS} meetings of {members} people", server, meetings)
    measured = peaks(meetings())
    print(f"memory of a meeting: {measured[1] / 2**20:.2f} MiB for the second, {measured[-1] / 2**20:.2f} for the last")


if __name__ == "__main__":
    from tests import postgres

    postgres.start()
    try:
        main(0.1 if "--small" in sys.argv else 1)
    finally:
        from django.db import connections

        connections.close_all()
        postgres.stop()
