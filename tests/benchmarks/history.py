"""A long past: events written straight into the log, as fast as the disk takes them.

The log is mostly touches, as logs are: 2,000 rooms of very different sizes, a thousand users, a join and a leave in
every hundred events.
"""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.db import connection

_EVENTS = """
INSERT INTO presence_event (id, kind, room, channel_name, user_id, session, since, last_seen, at, tx)
SELECT
    i,
    CASE i %% 100 WHEN 0 THEN 'join' WHEN 99 THEN 'leave' ELSE 'touch' END,
    'room' || floor(2000 * power(random(), 3)),
    'specific.abcdefgh!' || i %% 50000,
    keys[1 + (i / 100) %% 1000],
    i / 100,
    moment - interval '5 minutes',
    CASE i %% 100 WHEN 99 THEN moment END,
    moment,
    '1000'
FROM generate_series(1, %(events)s::bigint) AS i,
    LATERAL (SELECT now() - (%(events)s - i) * interval '1 ms' AS moment) AS time,
    (SELECT array_agg(id) AS keys FROM {users}) AS users
"""


def write(events: int) -> None:
    """``events`` events, by users who must exist already. What is recorded next comes after them."""
    users = get_user_model()._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE presence_event DISABLE TRIGGER USER")
        cursor.execute(_EVENTS.format(users=users), {"events": events})
        cursor.execute("ALTER TABLE presence_event ENABLE TRIGGER USER")
        cursor.execute("SELECT setval('presence_event_id_seq', %s), setval('presence_id_seq', %s)", [events, events])
        cursor.execute("VACUUM ANALYZE presence_event")


def users(count: int) -> None:
    """Signs up ``count`` users."""
    model = get_user_model()
    model._default_manager.bulk_create(model(username=str(number)) for number in range(count))
