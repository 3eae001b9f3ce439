"""Generates a log with a given number of events, and the projections that the fold would make of it.

The stays are generated first: they begin 17 seconds apart and are the same in every run. Their joins, touches and ends
are then written in the order of time, and the last event is now. If the log has days, each event has that of its time.
The number of present connections does not depend on the length of the log, and a short log equals the beginning of a
long one. The log has:

- 3,000 rooms of very different sizes. ``room0`` has a third of all stays.
- Users who range from one who is always present, with several tabs, to users with a single stay. One stay in ten is
  anonymous, and one in five is another tab of the stay before.
- Stays of half an hour on average, with a touch every 225 seconds. One stay in 500 lasts a day or a week.
- Ends of which one in ten is a prune. One stay in four has data.
"""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.db import connection

ROOM = "room0"
"""The largest."""

DISTANCE = 17.0
"""Seconds between two joins."""

# All random numbers are drawn in one subquery, row by row, so that the first stays do not depend on their number.
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
        %(distance)s * (n + random()) AS joined,
        -ln(1 - random()) * CASE WHEN random() < 0.002 THEN 90000 ELSE 1800 END AS lasts,
        random() < 0.1 AS pruned
    FROM
        generate_series(1, %(events)s / 8 + 300) AS n,
        (SELECT array_agg({key} ORDER BY {name}) AS keys FROM {users}) AS all_users
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

# A stay with data has it in the join, and every fourth touch changes it.
_DATA = """
CASE WHEN talks AND i %% 4 = 0 THEN
    CASE WHEN i = 0 THEN '{"device": "phone"}'
        WHEN i %% 8 = 0 THEN '{"device": "phone", "status": "active"}'
        ELSE '{"device": "phone", "status": "away"}'
    END::jsonb
END
"""

_EVENTS = f"""
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, last_seen, at, data, tx<name>)
SELECT
    %(written)s + row_number() OVER (ORDER BY at, session),
    kind, room, channel_name, user_id, session, since, last_seen, at, data, pg_current_xact_id()<value>
FROM (
    SELECT *, %(origin)s::timestamptz + joined * interval '1 s' AS since FROM stay
    WHERE joined < %(stop)s AND joined + lasts >= %(start)s
) AS s, LATERAL (
    SELECT
        CASE WHEN i = 0 THEN 'join' ELSE 'touch' END, joined + 225 * i, since + i * interval '225 s', NULL, {_DATA}
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
INSERT INTO presence_open_stay (id, room, channel_name, user_id, joined_at, touched_at, data, is_leased)
SELECT session, room, channel_name, user_id, since, since + touches * interval '225 s', {_DATA}, false
FROM stay,
    LATERAL (
        SELECT
            floor((%(stop)s - joined) / 225)::int AS touches,
            %(origin)s::timestamptz + joined * interval '1 s' AS since
    ) AS seen,
    LATERAL (SELECT touches / 4 * 4 AS i) AS latest
WHERE joined < %(stop)s AND joined + lasts >= %(stop)s
"""

_TABLES = ("presence_event", "presence_room", "presence_open_stay")
_MAX_EVENTS_PER_STATEMENT = 1_000_000


def write(events: int, progress: Callable[[str], object] = lambda what: None, *, distance: float = DISTANCE) -> None:
    """Writes ``events`` events of existing users into an empty log. The next recorded event comes after them.

    ``progress`` is called with a message after each statement. The joins are ``distance`` seconds apart.
    """
    from presence_events.models import PresenceEvent

    has_days = any(field.name == "day" for field in PresenceEvent._meta.fields)
    name, value = (", day", ", (at AT TIME ZONE 'UTC')::date") if has_days else ("", "")
    insert = _EVENTS.replace("<name>", name).replace("<value>", value)
    model = get_user_model()
    names = {
        "users": model._meta.db_table,
        "key": model._meta.pk.column,
        "name": model._meta.get_field(model.USERNAME_FIELD).column,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', '256MB', false), setseed(0.42)")
        cursor.execute(_STAYS.format(**names), {"events": events, "distance": distance})
        cursor.execute("ANALYZE stay")
        cursor.execute(_LAST, {"events": events})
        last, origin = cursor.fetchone()
        # No two events have the same microsecond, so this includes the last event and no later one.
        stop = last + 1e-6
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        slices = -(-events // _MAX_EVENTS_PER_STATEMENT)
        written = 0
        for number in range(slices):
            span = {"start": stop * number / slices, "stop": stop * (number + 1) / slices}
            cursor.execute(insert, {**span, "origin": origin, "written": written})
            written += cursor.rowcount
            progress(f"{written:,} of {events:,} events")
        if written != events:
            raise AssertionError(f"{written:,} events were written, not {events:,}")
        for statement in (_ROOMS, _PRESENCES):
            cursor.execute(statement, {"origin": origin, "stop": stop})
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute(
            "SELECT setval('presence_event_id_seq', %s), "
            "setval('presence_open_stay_id_seq', (SELECT max(session) FROM stay WHERE joined < %s))",
            [events, stop],
        )
        cursor.execute("DROP TABLE stay")
        cursor.execute("RESET work_mem")
        cursor.execute(f"VACUUM ANALYZE {', '.join(_TABLES)}")


def users(count: int) -> None:
    """Creates ``count`` users."""
    model = get_user_model()
    model._default_manager.bulk_create(model(username=f"user{number:05}") for number in range(count))
