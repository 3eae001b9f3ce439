"""What `tests.benchmarks.segments` measures in one log. A process for each log runs this module.

The process answers each line of JSON, a name and arguments, with a line of JSON: the result. A measurement is a list of
calls. Each is a pair of milliseconds: of the call, and of the processor for the PostgreSQL backend.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any
from zlib import crc32

from tests.benchmarks import disk

EVENTS_OF_A_STAY = 10.35
"""The average in the history."""

BATCH = 1000
SAMPLES = 5
"""Calls of a quick query in one turn. Turns are short, because the speed of a shared machine changes all the time."""

PAGES = {
    "events": "presence_events/presenceevent/",
    "events of a large room": "presence_events/presenceevent/?room=room0",
    "events of a small room": "presence_events/presenceevent/?room=room1999",
    "events until long ago": "presence_events/presenceevent/?until={ago}",
    "stays of a week": "projections/presencesession/?last=week",
    "timeline of a large room, a day": "projections/timeline/data/?room=room0&from={day}&until={next}",
    "timeline of a user, a week": "projections/timeline/data/?username=user00000&from={week}&until={next}",
}

Calls = list[tuple[float, float]]


def build(events: int, distance: float, months: int, daily: int) -> None:
    """Writes the history. With ``months``, the log has a segment for each of these months, the current one included.

    The touches of the last ``daily`` days have a segment for each day.
    """
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.benchmarks import history

    call_command("migrate", verbosity=0)
    get_user_model()._default_manager.create_superuser("admin")  # type: ignore[attr-defined]
    history.users(4999)
    if months:
        _divide(months, daily)
    history.write(events, distance=distance, progress=lambda message: print(message, file=sys.stderr, flush=True))
    if months:
        from presence_events.segments import maintenance

        maintenance.maintain("default")
        _sql("VACUUM ANALYZE presence_event")


def _divide(months: int, daily: int) -> None:
    day = timedelta(days=1)
    today = datetime.now(UTC).date()
    starts = [today.replace(day=1)]
    while len(starts) < months:
        starts.append((starts[-1] - day).replace(day=1))
    days = [today - number * day for number in range(daily - 1, -1, -1)]
    touches = [start for start in starts if not days or start < days[0]]
    for part, divisions in (("stays", starts), ("touches", touches + days)):
        _sql("SELECT presence_divide_segment(%s, %s)", [part, sorted(divisions)])


def about() -> dict[str, Any]:
    """Returns the version of the server, and the size of the log."""
    ((leaves, size),) = _sql(f"SELECT count(*), {disk.LOG} FROM pg_partition_tree('presence_event') WHERE isleaf")
    ((version, first, last),) = _sql("SELECT version(), min(at)::text, max(at)::text FROM presence_event")
    return {"version": version, "leaves": leaves, "MB": size / 1e6, "first": first, "last": last}


def appends() -> dict[str, Calls]:
    """Appends joins, touches and leaves: first a batch of `BATCH`, then single ones. Times are those of one event."""
    from presence_events._recording import statement
    from projections import selections

    found: dict[str, Calls] = {}
    run = f"{os.getpid()}-{time.monotonic_ns()}"
    for size, number in ((BATCH, 1), (1, 20)):
        names = [[f"specific.{run}!{size}-{i}-{j}" for j in range(size)] for i in range(number)]
        kinds: dict[str, Callable[[str], Any]] = {
            "join": lambda name: selections.join(f"append{crc32(name.encode()) % 100}", name, None, None),
            "touch": selections.touch,
            "leave": selections.leave_all,
        }
        for kind, select in kinds.items():
            batches = [[select(name) for name in batch] for batch in names]
            calls = _measured([partial(statement.append_quietly, batch, "default") for batch in batches])
            found[f"{kind}, {size}"] = [(wall / size, cpu / size) for wall, cpu in calls]
    return found


def queries(seed: int) -> dict[str, Calls]:
    """Runs each query for some moments, rooms and users, which depend on ``seed``."""
    from presence_events.positions import position_at
    from projections.models import PresenceSession
    from tests.benchmarks import history

    chosen = random.Random(seed)
    first, last = _span()
    moments = [first + (last - first) * chosen.uniform(0.03, 0.97) for _ in range(SAMPLES)]
    recent = [last - timedelta(days=chosen.uniform(0, 20)) for _ in range(SAMPLES)]
    rooms = [f"room{chosen.randrange(50, 500)}" for _ in range(SAMPLES)]
    users = chosen.choices(_users(), k=SAMPLES)
    day = timedelta(days=1)
    stays = PresenceSession.objects
    return {
        "at, large room": _measured([lambda t=t: list(stays.in_room(history.ROOM).at(t)) for t in moments]),
        "at, small room": _measured(
            [lambda t=t, r=r: list(stays.in_room(r).at(t)) for t, r in zip(moments, rooms, strict=True)]
        ),
        "at, large room, recent": _measured([lambda t=t: list(stays.in_room(history.ROOM).at(t)) for t in recent]),
        "at, all rooms": _measured([lambda t=t: list(stays.at(t)) for t in moments]),
        "at, a user": _measured(
            [lambda t=t, u=u: list(stays.of_user(u).at(t)) for t, u in zip(moments, users, strict=True)]
        ),
        "during a day, large room": _measured(
            [lambda t=t: list(stays.in_room(history.ROOM).during(t, t + day)) for t in moments]
        ),
        "during a day, small room": _measured(
            [lambda t=t, r=r: list(stays.in_room(r).during(t, t + day)) for t, r in zip(moments, rooms, strict=True)]
        ),
        "during a day, large room, recent": _measured(
            [lambda t=t: list(stays.in_room(history.ROOM).during(t, t + day)) for t in recent]
        ),
        "of_user": _measured([lambda u=u: list(stays.of_user(u)) for u in users]),
        "position_at": _measured([lambda t=t: position_at(t, using="default") for t in moments]),
        "position_at, recent": _measured([lambda t=t: position_at(t, using="default") for t in recent]),
    }


def tail() -> dict[str, Calls]:
    """Polls: for a few new events, and for a full batch that begins somewhere in the last days."""
    from presence_events.tail import Mark, Tail
    from projections.models import Room

    reader = Tail("default", touches=False)
    found: dict[str, Calls] = {"tail, new events": [], "tail, a batch": []}
    mark = Mark.end("default")
    for number in range(SAMPLES):
        room = Room.objects.add("tail", f"specific.tail!{os.getpid()}-{time.monotonic_ns()}-{number}")
        room.prune_presences(age_in_seconds=0.0)
        poll = _Kept(partial(reader.read, mark, 500))
        found["tail, new events"] += _measured([poll])
        events, mark = poll.result
        if len(events) < 2:
            raise AssertionError(f"{len(events)} events were read")
    for back in range(SAMPLES):
        mark = Mark.after(Mark.end("default").reached - (back + 1) * 10_000, "default")
        found["tail, a batch"] += _measured([lambda mark=mark: reader.read(mark, 500)])
    return found


def replay() -> dict[str, Calls]:
    """Scans the log, then compares it with the projections."""
    from projections.replay.repair import compare
    from tests.benchmarks.reports import scan

    differences: list[Any] = []
    found = {
        "scan": _measured([scan]),
        "replay.compare": _measured([lambda: differences.extend(compare("default"))]),
    }
    if differences:
        raise AssertionError(f"The replay found {len(differences)} differences, as {differences[0]}")
    return found


def others(seed: int) -> dict[str, Calls]:
    """Exports a day, measures the status, and requests pages of the admin."""
    from presence_events import export
    from projections.status.figures import status

    client = _client()
    first, last = _span()
    middle = first + (last - first) * random.Random(seed).uniform(0.1, 0.9)
    day = timedelta(days=1)
    times = {
        name: moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, moment in {
            "ago": middle,
            "day": middle,
            "next": middle + day,
            "week": middle - 6 * day,
        }.items()
    }

    def get(path: str) -> None:
        response = client.get(f"/admin/{path.format(**times)}", follow=True)
        if response.status_code != 200:
            raise AssertionError(f"{path}: {response.status_code}")

    def exported() -> None:
        export.copy(export.events(middle, middle + day, using="default"), len, "jsonl")

    return {
        "export of a day": _measured([exported] * 3),
        "status": _measured([status] * 5),
        **{f"page: {name}": _measured([lambda path=path: get(path)] * 3) for name, path in PAGES.items()},
    }


def explain(statement: str) -> str:
    """Returns the plan of ``statement``."""
    return "\n".join(line for (line,) in _sql(f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS) {statement}"))


class _Kept:
    """Calls ``call`` and keeps what it returns."""

    result: Any

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call

    def __call__(self) -> None:
        self.result = self._call()


def _measured(calls: Iterable[Callable[[], Any]]) -> Calls:
    stat = Path(f"/proc/{_backend()}/schedstat")
    found = []
    for call in calls:
        before = int(stat.read_text().split()[0])
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        found.append((seconds * 1e3, (int(stat.read_text().split()[0]) - before) / 1e6))
    return found


@cache
def _backend() -> int:
    ((pid,),) = _sql("SELECT pg_backend_pid()")
    return pid  # type: ignore[no-any-return]


@cache
def _span() -> tuple[datetime, datetime]:
    ((first, last),) = _sql("SELECT min(at), max(at) FROM presence_event")
    return first, last


@cache
def _users() -> list[str]:
    from tests.benchmarks import reports

    return [key for key, _ in reports.users(100, 5)]


@cache
def _client() -> Any:
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.test.utils import setup_test_environment

    setup_test_environment()
    client = Client()
    client.force_login(get_user_model()._default_manager.get(username="admin"))
    return client


def _sql(statement: str, params: Any = None) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


def _main() -> None:
    import django

    django.setup()
    jobs = {job.__name__: job for job in (build, about, appends, queries, tail, replay, others, explain)}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(jobs[name](**arguments)), flush=True)


if __name__ == "__main__":
    _main()
