"""A long past: a log of so many events, and the tables that the fold makes of it, as fast as the disk takes them.

Stays come first, 17 seconds apart and always the same ones; their joins, touches and ends are then written in order of
time, and the last one is now. However many events there are, as many people are present at any time, and a short log is
the beginning of a long one:

- 3,000 rooms of very different sizes, of which ``room0`` has a third of all stays;
- users from one who is always there, with several tabs, to those who came once; one stay in ten is anonymous, and one
  in five is another tab of the stay before;
- half an hour a stay on average, a touch every 225 seconds, and one stay in 500 that goes on for a day or a week;
- one in ten was pruned, and one in four says what it is and how it is.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.db import connection

ROOM = "room0"
"""The largest."""

# All that is drawn is drawn in one place, row by row, so that the first stays are the same however many there are.
_STAYS = """
CREATE TEMP TABLE stay AS
SELECT
    n AS session,
    CASE WHEN n %% 5 = 4 THEN lag(room) OVER (ORDER BY n) ELSE room END AS room,
    'specific.' || lpad(to_hex(n %% 8), 8, '0') || '!' || md5(n::text) AS channel_name,
    CASE WHEN n %% 5 = 4 THEN lag(user_id) OVER (ORDER BY n) ELSE user_id END AS user_id,
    joined,
    lasts,
    pruned,
    n %% 4 = 0 AS talks
FROM (
    SELECT
        n,
        'room' || CASE WHEN random() < 1 / 3.0 THEN 0 ELSE 1 + floor(2999 * power(random(), 3)) END AS room,
        CASE WHEN random() < 0.9 THEN keys[1 + floor(cardinality(keys) * power(random(), 3))] END AS user_id,
        17 * (n + random()) AS joined,
        -ln(1 - random()) * CASE WHEN random() < 0.002 THEN 90000 ELSE 1800 END AS lasts,
        random() < 0.1 AS pruned
    FROM
        generate_series(1, %(events)s / 8 + 300) AS n,
        (SELECT array_agg({key} ORDER BY {name}) AS keys FROM {users}) AS everyone
) AS visit
"""

_LAST = """
SELECT
    second,
    now() - second * interval '1 s'
FROM (
    SELECT joined FROM stay
    UNION ALL
    SELECT joined + 225 * i FROM stay, generate_series(1, floor(lasts / 225)::int) AS i
    UNION ALL
    SELECT joined + lasts FROM stay
) AS event (second)
ORDER BY second OFFSET %(events)s - 1 LIMIT 1
"""

# What a stay says of itself is said in the join, and every fourth touch has news of it.
_SAYS = """
CASE WHEN talks AND i %% 4 = 0 THEN
    CASE WHEN i = 0 THEN '{"device": "phone"}'
        WHEN i %% 8 = 0 THEN '{"device": "phone", "status": "active"}'
        ELSE '{"device": "phone", "status": "away"}'
    END::jsonb
END
"""

_EVENTS = f"""
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, last_seen, at, data, tx)
SELECT
    %(written)s + row_number() OVER (ORDER BY at, session),
    kind, room, channel_name, user_id, session, since, last_seen, at, data, pg_current_xact_id()
FROM (
    SELECT *, %(origin)s::timestamptz + joined * interval '1 s' AS since FROM stay
    WHERE joined < %(stop)s AND joined + lasts >= %(start)s
) AS s, LATERAL (
    SELECT
        CASE WHEN i = 0 THEN 'join' ELSE 'touch' END, joined + 225 * i, since + i * interval '225 s', NULL, {_SAYS}
    FROM generate_series(
        greatest(0, floor((%(start)s - joined) / 225)::int),
        least(floor(lasts / 225), ceil((%(stop)s - joined) / 225))::int
    ) AS i
    UNION ALL
    SELECT
        CASE WHEN pruned THEN 'prune' ELSE 'leave' END,
        joined + lasts,
        %(origin)s::timestamptz + (joined + lasts) * interval '1 s',
        since + floor(lasts / 225) * interval '225 s',
        NULL
) AS event (kind, second, at, last_seen, data)
WHERE second >= %(start)s AND second < %(stop)s
"""

_ROOMS = """
INSERT INTO presence_room (channel_name, created_at)
SELECT room, %(origin)s::timestamptz + min(joined) * interval '1 s' FROM stay WHERE joined < %(stop)s GROUP BY room
"""

_PRESENCES = f"""
INSERT INTO presence (id, room, channel_name, user_id, joined_at, last_seen, data)
SELECT session, room, channel_name, user_id, since, since + touches * interval '225 s', {_SAYS}
FROM stay,
    LATERAL (
        SELECT
            floor((%(stop)s - joined) / 225)::int AS touches,
            %(origin)s::timestamptz + joined * interval '1 s' AS since
    ) AS seen,
    LATERAL (SELECT touches / 4 * 4 AS i) AS said
WHERE joined < %(stop)s AND joined + lasts >= %(stop)s
"""

_TABLES = ("presence_event", "presence_room", "presence")
_AT_ONCE = 1_000_000


def write(events: int, say: Callable[[str], object] = lambda what: None) -> None:
    """``events`` events in an empty log, by users who must exist already. What is recorded next comes after them.

    ``say`` is told now and then how far it is.
    """
    model = get_user_model()
    names = {
        "users": model._meta.db_table,
        "key": model._meta.pk.column,
        "name": model._meta.get_field(model.USERNAME_FIELD).column,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '256MB', false), setseed(0.42)")
        cursor.execute(_STAYS.format(**names), {"events": events})
        cursor.execute("ANALYZE stay")
        cursor.execute(_LAST, {"events": events})
        last, origin = cursor.fetchone()
        # Only the order of events decides what is before the stop, and no two come in the same microsecond.
        stop = last + 1e-6
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        slices = -(-events // _AT_ONCE)
        written = 0
        for number in range(slices):
            span = {"start": stop * number / slices, "stop": stop * (number + 1) / slices}
            cursor.execute(_EVENTS, {**span, "origin": origin, "written": written})
            written += cursor.rowcount
            say(f"{written:,} of {events:,} events")
        if written != events:
            raise AssertionError(f"{written:,} events were written, not {events:,}")
        for statement in (_ROOMS, _PRESENCES):
            cursor.execute(statement, {"origin": origin, "stop": stop})
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(
            "SELECT setval('presence_event_id_seq', %s), "
            "setval('presence_id_seq', (SELECT max(session) FROM stay WHERE joined < %s))",
            [events, stop],
        )
        cursor.execute("DROP TABLE stay")
        cursor.execute("RESET work_mem")
        cursor.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")


def users(count: int) -> None:
    """Signs up ``count`` users."""
    model = get_user_model()
    model._default_manager.bulk_create(model(username=f"user{number:05}") for number in range(count))
