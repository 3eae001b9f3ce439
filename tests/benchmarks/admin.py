"""Measures the pages of the admin on a long log: ``python -m tests.benchmarks.admin 10000000``.

The log is that of `tests.benchmarks.history`. Each page is requested three times through Django's test client, and the
slowest request counts. For the timeline, the page and the data of its drawing are measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from tests.benchmarks import disk

EVENTS = {
    "everything but touches": "",
    "touches": "kind=touch",
    "leaves": "kind=leave",
    "a large room": "room=room0",
    "a small room": "room=room1999",
    "a room that never was": "room=nowhere",
    "touches of a room that never was": "room=nowhere&kind=all",
    "a user": "user=ada",
    "joins of a user today": "user=ada&kind=join&since=today",
    "the past hour": "since=hour",
    "until a moment long ago": "until={long_ago}",
    "the tenth page": "p=9",
}
SESSIONS = {"of the past day": "", "of the past week": "last=week", "of a large room": "room=room0&last=week"}
SUBJECTS = {"a large room": "room=room0", "a small room": "room=room1999", "a busy user": "username=user00000"}
DAYS = {"an hour": 1 / 24, "a day": 1, "a week": 7, "half a year": 180}


def pages(long_ago: str) -> Iterator[tuple[str, str]]:
    """Yields the name and the address of each page."""
    for name, query in EVENTS.items():
        yield f"events: {name}", f"presence_events/presenceevent/?{query.format(long_ago=long_ago)}"
    for name, query in SESSIONS.items():
        yield f"sessions {name}", f"projections/presencesession/?{query}"
    yield "rooms", "projections/room/"
    yield "presences", "projections/presence/"
    now = time.time()
    for subject, query in SUBJECTS.items():
        for span, days in DAYS.items():
            times = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(each)) for each in (now - days * 24 * 3600, now)]
            asked = f"{query}&from={times[0]}&until={times[1]}"
            yield f"timeline: {subject}, {span}, page", f"projections/timeline/?{asked}"
            yield f"timeline: {subject}, {span}, data", f"projections/timeline/data/?{asked}"


def main(events: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import setup_test_environment

    from tests.benchmarks import history

    setup_test_environment()
    call_command("migrate", verbosity=0)
    users = get_user_model()._default_manager
    admin = users.create_superuser("admin")
    users.create(username="ada")
    history.users(4998)
    print(f"Writing {events:,} events", flush=True)
    history.write(events, progress=lambda message: print(message, flush=True))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_size_pretty({disk.LOG}), version()")
        print(*cursor.fetchone(), sep="\n", flush=True)
        cursor.execute("SELECT at FROM presence_event WHERE id > %s ORDER BY id LIMIT 1", [events // 10])
        long_ago = cursor.fetchone()[0].strftime("%Y-%m-%d %H:%M:%S")
    client = Client()
    client.force_login(admin)
    for name, path in pages(long_ago):
        times = []
        for _ in range(3):
            start = time.perf_counter()
            response = client.get(f"/admin/{path}", follow=True)
            times.append(time.perf_counter() - start)
            assert response.status_code == 200, response
        print(f"{max(times) * 1000:8.0f} ms  {len(response.content) / 1024:6.0f} KiB  {name}", flush=True)


if __name__ == "__main__":
    from tests import postgres

    postgres.start()
    try:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    finally:
        from django.db import connections

        connections.close_all()
        postgres.stop()
