"""Letting time pass without waiting for it."""

from __future__ import annotations

from django.db import connection


def age_presences(*channel_names: str, seconds: float) -> None:
    """Makes the present stays of these connections that much older, in the log and live, as only the owner can."""
    with connection.cursor() as cursor:
        for table in ("presence", "presence_room", "presence_event"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE presence SET joined_at = joined_at - make_interval(secs => %(age)s), "
            "last_seen = last_seen - make_interval(secs => %(age)s) WHERE channel_name = ANY(%(names)s)",
            {"age": seconds, "names": list(channel_names)},
        )
        cursor.execute(
            "UPDATE presence_event AS e SET at = at - make_interval(secs => %(age)s), "
            "since = since - make_interval(secs => %(age)s) "
            "FROM presence AS p WHERE p.id = e.session AND p.channel_name = ANY(%(names)s)",
            {"age": seconds, "names": list(channel_names)},
        )
        cursor.execute(
            "UPDATE presence_room AS r SET created_at = e.at FROM presence_event AS e "
            "WHERE e.id = (SELECT min(id) FROM presence_event WHERE room = r.channel_name AND id > coalesce("
            "(SELECT max(id) FROM presence_event WHERE room = r.channel_name AND channel_name IS NULL), 0))"
        )
        for table in ("presence", "presence_room", "presence_event"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
