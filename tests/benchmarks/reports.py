"""Queries about the past, and the moments and users that they ask about.

A question consists of filters of `PresenceSession.objects`: ``room``, ``user``, ``at`` or ``during``, with times as ISO
text.
"""

from __future__ import annotations

import io
import json
import time
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any

from django.core.management import call_command
from django.db import connection

from projections.models import PresenceSession
from projections.sessions import PresenceSessionQuerySet
from tests.benchmarks import measure
from tests.benchmarks.measure import Sample

LOG_PARTS = {"early": (0.0, 0.1), "middle": (0.45, 0.55), "late": (0.9, 1.0)}
"""Parts of the time that the log spans, as fractions."""

# Moments at equal distances in each part of the log, with the number of stays at the moment and in the following hours.
_MOMENTS = """
SELECT part, at, present, present + joins
FROM (
    SELECT
        part,
        at,
        sum(change) OVER (ORDER BY at)::int AS present,
        count(*) FILTER (WHERE change > 0) OVER (
            ORDER BY at RANGE BETWEEN CURRENT ROW AND %(span)s::interval FOLLOWING
        )::int AS joins
    FROM (
        SELECT NULL, at, CASE kind WHEN 'join' THEN 1 ELSE -1 END
        FROM presence_event
        WHERE kind <> 'touch' AND (%(room)s::text IS NULL OR room = %(room)s)
            AND (%(user)s::text IS NULL OR user_id::text = %(user)s)
        UNION ALL
        SELECT part, start + (stop - start) * (low + (high - low) * i / %(count)s), 0
        FROM
            (SELECT min(at) AS start, max(at) AS stop FROM presence_event) AS log,
            unnest(%(parts)s::text[], %(lows)s::float8[], %(highs)s::float8[]) AS bounds (part, low, high),
            generate_series(1, %(count)s) AS i
    ) AS event (part, at, change)
) AS level
WHERE part IS NOT NULL
"""
_USERS = """
SELECT user_id::text, count(*) FROM presence_session WHERE user_id IS NOT NULL
GROUP BY user_id ORDER BY abs(count(*) - %s), md5(user_id::text) LIMIT %s
"""
_SCAN = "SELECT kind, count(*), max(at) FROM presence_event GROUP BY kind"
_OCCUPANCY = """
SELECT count(*), max(peak_connections)
FROM presence_occupancy(%s, now() - make_interval(mins => %s), now(), make_interval(mins => %s))
"""


def moments(
    count: int, hours: float, room: str | None = None, user: str | None = None
) -> dict[str, list[tuple[str, int, int]]]:
    """Returns ``count`` moments of each part of the log, each with two numbers of stays.

    The numbers are those of the stays at the moment, and at any time in the ``hours`` after it. Only stays in ``room``
    or of ``user`` count, if given.
    """
    lows, highs = zip(*LOG_PARTS.values(), strict=True)
    bounds = {"parts": list(LOG_PARTS), "lows": list(lows), "highs": list(highs)}
    asked = {"count": count, "span": timedelta(hours=hours), "room": room, "user": user, **bounds}
    found: dict[str, list[tuple[str, int, int]]] = {part: [] for part in LOG_PARTS}
    for part, at, present, within in _rows(_MOMENTS, asked):
        found[part].append((at.isoformat(), present, within))
    return found


def users(stays: int, count: int) -> list[tuple[str, int]]:
    """Returns at most ``count`` users with about ``stays`` stays, each with the exact number."""
    return [(key, number) for key, number in _rows(_USERS, [stays, count])]


def ask(pid: int, questions: list[dict[str, Any]]) -> tuple[Sample, list[int]]:
    """Runs the queries one after the other. Returns the sample and the number of stays in each answer."""
    answers: list[int] = []
    sample = measure.one_by_one(pid, lambda question: answers.append(len(_stays(**question))), questions)
    return sample, answers


def pages(questions: list[dict[str, Any]]) -> float:
    """Returns how many pages of tables and indexes PostgreSQL reads for an answer, on average."""
    plans = [
        json.loads(_stays(**question).explain(format="json", analyze=True, buffers=True)) for question in questions
    ]
    return fmean(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for (plan,) in plans)


def occupancy(room: str, minutes: int, step: int) -> tuple[float, int]:
    """Returns the duration in seconds of `presence_occupancy` over the past ``minutes``, and its number of rows."""
    start = time.perf_counter()
    rows, peak = _rows(_OCCUPANCY, [room, minutes, step])[0]
    seconds = time.perf_counter() - start
    if not peak:
        raise AssertionError(f"No connection was in {room}.")
    return seconds, rows


def scan() -> float:
    """Returns the duration in seconds of a sequential scan that aggregates the log."""
    start = time.perf_counter()
    _rows(_SCAN)
    return time.perf_counter() - start


def plan_of_scan() -> str:
    return "\n".join(line for (line,) in _rows(f"EXPLAIN {_SCAN}"))


def replay() -> float:
    """Returns the duration in seconds of ``replay_presence --check``, which must find no difference."""
    output = io.StringIO()
    start = time.perf_counter()
    try:
        call_command("replay_presence", check=True, stdout=output, stderr=output)
    except SystemExit as end:
        raise AssertionError(f"The replay found differences: {output.getvalue()}") from end
    return time.perf_counter() - start


def _stays(
    room: str | None = None, user: str | None = None, at: str | None = None, during: tuple[str, float] | None = None
) -> PresenceSessionQuerySet:
    stays = PresenceSession.objects.all()
    if room is not None:
        stays = stays.in_room(room)
    if user is not None:
        stays = stays.of_user(user)
    if at is not None:
        stays = stays.at(datetime.fromisoformat(at))
    if during is not None:
        start = datetime.fromisoformat(during[0])
        stays = stays.during(start, start + timedelta(hours=during[1]))
    return stays


def _rows(statement: str, parameters: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()
