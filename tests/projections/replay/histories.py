"""Histories to replay, damage to the projections, and the expected rows."""

from __future__ import annotations

from typing import Any, LiteralString

from django.db import connection, transaction

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay.fold import Fold
from tests.fold import fold

__all__ = ["DAMAGE", "expected_rows", "record_history", "rows_of", "tamper"]


DAMAGE: dict[str, tuple[LiteralString, ...]] = {
    "a missing presence": ("DELETE FROM presence WHERE room = 'a' AND channel_name = '1'",),
    "no presences and rooms": ("DELETE FROM presence", "DELETE FROM presence_room"),
    "a presence that never joined": (
        "INSERT INTO presence (id, room, channel_name, joined_at, last_seen) VALUES (1000, 'a', 'ghost', now(), now())",
    ),
    "another stay of a connection": ("UPDATE presence SET id = 1000 WHERE room = 'a' AND channel_name = '1'",),
    "stays whose names are exchanged": (
        "UPDATE presence SET channel_name = channel_name || 'x' WHERE room = 'a'",
        "UPDATE presence SET channel_name = '2' WHERE room = 'a' AND channel_name = '1x'",
        "UPDATE presence SET channel_name = '1' WHERE room = 'a' AND channel_name = '2x'",
    ),
    "times": ("UPDATE presence SET joined_at = now(), last_seen = now()",),
    "data": ('UPDATE presence SET data = \'{"device": "toaster"}\'',),
    "missing data": ("UPDATE presence SET data = NULL",),
    "users": ("UPDATE presence SET user_id = NULL",),
    "the server process of a connection": ("UPDATE presence SET process = 'another'",),
    "a missing room": ("DELETE FROM presence_room WHERE channel_name = 'empty'",),
    "an unknown room": ("INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",),
    "a presence in an unknown room": (
        "INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",
        "UPDATE presence SET room = 'ghost' WHERE room = 'b'",
    ),
    "when rooms were created": ("UPDATE presence_room SET created_at = now()",),
}
"""Statements for `tamper`."""


def record_history(user: Any) -> None:
    """Records joins, touches, leaves and prunes. Four presences and three rooms remain."""
    Room.objects.add("a", "1", user, {"device": "phone"})
    Room.objects.add("a", "2", data="here")
    Room.objects.add("b", "1", user)
    Presence.objects.touch("1", {"device": "laptop"})
    Presence.objects.touch("2")
    Room.objects.add("empty", "2")
    Room.objects.remove("empty", "2")
    Room.objects.add("gone", "3")
    Presence.objects.leave_all("3")
    Room.objects.add("a", "3")
    Presence.objects.leave_all("3")
    Room.objects.prune_rooms()
    Room.objects.add("gone", "4")
    Room.objects.add("empty", "4")
    Room.objects.remove("empty", "4")
    Presence.objects.touch("1")


def tamper(*statements: LiteralString) -> None:
    """Writes to the projections without the log, as only their owner can."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("presence", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("presence", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def rows_of(folded: Fold) -> list[Any]:
    columns, rows = folded.present()
    assert columns == [
        *("room", "created_at", "session", "channel_name", "user_id", "joined_at", "last_seen", "data"),
    ]
    return rows


def expected_rows(events: list[PresenceEvent]) -> list[Any]:
    """Returns the rows that `rows_of` should return after ``events``, computed by the independent `tests.fold`."""
    rooms, presences = fold(events)
    rows: list[Any] = []
    for room, created_at in sorted(rooms.items()):
        present = sorted((row for row in presences.values() if row.room_id == room), key=lambda row: row.id)
        found = [(row.id, row.channel_name, *row[3:6], row.data) for row in present]
        rows += [(room, created_at, *row) for row in found or [(None,) * 6]]
    return rows
