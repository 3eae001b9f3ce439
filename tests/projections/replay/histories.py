"""Histories to replay, damage to the projections, and the expected rows."""

from __future__ import annotations

from typing import Any, LiteralString

from django.db import connection, transaction

from presence_events.models import PresenceEvent
from projections.models import Presence, Room
from projections.replay.fold import Fold
from tests.fold import fold
from tests.leases import beat, end_lease, put_on_lease

__all__ = ["DAMAGE", "expected_rows", "record_history", "rows_of", "tamper"]


DAMAGE: dict[str, tuple[LiteralString, ...]] = {
    "a missing presence": ("DELETE FROM presence_open_stay WHERE room = 'a' AND channel_name = '1'",),
    "no presences and rooms": ("DELETE FROM presence_open_stay", "DELETE FROM presence_room"),
    "a presence that never joined": (
        (
            "INSERT INTO presence_open_stay (id, room, channel_name, joined_at, touched_at, is_leased) "
            "VALUES (1000, 'a', 'ghost', now(), now(), false)"
        ),
    ),
    "another stay of a connection": (
        "UPDATE presence_open_stay SET id = 1000 WHERE room = 'a' AND channel_name = '1'",
    ),
    "stays whose names are exchanged": (
        "UPDATE presence_open_stay SET channel_name = channel_name || 'x' WHERE room = 'a'",
        "UPDATE presence_open_stay SET channel_name = '2' WHERE room = 'a' AND channel_name = '1x'",
        "UPDATE presence_open_stay SET channel_name = '1' WHERE room = 'a' AND channel_name = '2x'",
    ),
    "times": ("UPDATE presence_open_stay SET joined_at = now(), touched_at = now()",),
    "data": ('UPDATE presence_open_stay SET data = \'{"device": "toaster"}\'',),
    "missing data": ("UPDATE presence_open_stay SET data = NULL",),
    "users": ("UPDATE presence_open_stay SET user_id = NULL",),
    "the server process of a connection": ("UPDATE presence_open_stay SET process = 'another'",),
    "a missing room": ("DELETE FROM presence_room WHERE channel_name = 'empty'",),
    "an unknown room": ("INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",),
    "a presence in an unknown room": (
        "INSERT INTO presence_room (channel_name, created_at) VALUES ('ghost', now())",
        "UPDATE presence_open_stay SET room = 'ghost' WHERE room = 'b'",
    ),
    "when rooms were created": ("UPDATE presence_room SET created_at = now()",),
    "whether a stay is exclusive": (
        "UPDATE presence_open_stay SET exclusive_room = CASE WHEN exclusive_room IS NULL THEN room END",
    ),
    "on whose lease a connection is": ("UPDATE presence_open_stay SET is_leased = NOT is_leased",),
    "a missing lease": ("DELETE FROM presence_process WHERE name = 'one'",),
    "the times of leases": ("UPDATE presence_process SET started_at = now(), seen_at = now()",),
    "a lease that never began": ("INSERT INTO presence_process VALUES ('ghost', now(), now())",),
}
"""Statements for `tamper`."""


def record_history(user: Any) -> None:
    """Records joins, touches, leaves and prunes, and the beats of processes. Four presences and three rooms remain."""
    beat("one")
    Room.objects.add("a", "1", user, {"device": "phone"})
    Room.objects.add("a", "2", data="here")
    Room.objects.add("b", "1", user, capacity=5, exclusive="newest")
    Presence.objects.touch("1", {"device": "laptop"})
    put_on_lease("one", ("a", "1"), ("a", "2"), ("b", "1"))
    beat("one", "two")
    Presence.objects.touch("2")
    Room.objects.add("empty", "2")
    Room.objects.remove("empty", "2")
    Room.objects.add("gone", "3")
    Presence.objects.leave_all("3")
    Room.objects.add("a", "3")
    Presence.objects.leave_all("3")
    Room.objects.prune_rooms()
    end_lease("two")
    put_on_lease("one", ("a", "2"), is_leased=False)
    beat("one", "three")
    Room.objects.add("gone", "4")
    Room.objects.add("empty", "4")
    Room.objects.remove("empty", "4")
    Presence.objects.touch("1")


def tamper(*statements: LiteralString) -> None:
    """Writes to the projections without the log, as only their owner can."""
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("presence_open_stay", "presence_process", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("presence_open_stay", "presence_process", "presence_room"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def rows_of(folded: Fold) -> list[Any]:
    columns, rows = folded.present()
    assert columns == [
        *("room", "created_at", "session", "channel_name", "user_id", "joined_at", "last_seen", "data"),
    ]
    return rows


def expected_rows(events: list[PresenceEvent]) -> list[Any]:
    """Returns the rows that `rows_of` should return after ``events``, computed by the independent `tests.fold`."""
    state = fold(events)
    rows: list[Any] = []
    for room, created_at in sorted(state.rooms.items()):
        present = sorted((row for row in state.presences.values() if row.room_id == room), key=lambda row: row.id)
        found = [
            (row.id, row.channel_name, row.user_id, row.joined_at, state.last_seen(row), row.data) for row in present
        ]
        rows += [(room, created_at, *row) for row in found or [(None,) * 6]]
    return rows
