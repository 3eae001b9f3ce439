"""Writes stays with given times in the past, into the log and the projections.

The log accepts no other clock than the database's, so this module disables the triggers while it writes. The result is
what the fold would have written: `tests.fold.assert_live_is_the_fold` holds afterwards, and the next recorded event has
a later position.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Model, QuerySet

from presence_events.models import PresenceEvent
from projections.models import Presence, Room

_TABLES = ("presence_event", "presence_room", "presence_open_stay")


class Stay(NamedTuple):
    """A stay of one connection in one room. It is open if ``left`` is None.

    ``last_seen`` adds a touch at that time; without it, the join is the last sign of life. ``data`` is the data of the
    join, ``reason`` that of the leave or prune. ``changes`` are times at which the connection has new data, in order.
    """

    room: str
    channel: str
    user: Any
    """An instance, a primary key, or None for an anonymous connection."""
    joined: datetime
    left: datetime | None = None
    ended_by: str = "leave"
    last_seen: datetime | None = None
    data: Any = None
    reason: Any = None
    changes: Sequence[tuple[datetime, Any]] = ()


class RoomPruned(NamedTuple):
    """The prune of an empty room. A join at the same time or later creates the room again."""

    room: str
    at: datetime


def write(*history: Stay | RoomPruned) -> None:
    """Writes ``history``, which may be in any order, in the order of time.

    A stay that ends at some time ends before another begins at the same time.
    """
    ordered = sorted(history, key=_begins)
    with transaction.atomic(), connection.cursor() as cursor:
        stays = list(zip(_numbers("presence_open_stay_id_seq", len(ordered)), ordered, strict=True))
        events = sorted((event for session, part in stays for event in _events(session, part)), key=_at)
        cursor.execute("SELECT pg_current_xact_id()::text")
        (tx,) = cursor.fetchone()
        before = dict(Room.objects.values_list("channel_name", "created_at"))
        rooms = dict(before)
        for position, event in zip(_numbers("presence_event_id_seq", len(events)), events, strict=True):
            event.id, event.tx, event.day = position, tx, event.at.astimezone(UTC).date()
            if event.channel_name is None:
                event.since = rooms.pop(event.room)
            else:
                rooms.setdefault(event.room, event.at)
        # PostgreSQL refuses to disable triggers while checks of foreign keys are pending.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        QuerySet(Room).filter(pk__in=before.keys() - rooms.keys()).delete()
        QuerySet(Room).bulk_create(
            [Room(name, created) for name, created in rooms.items()],
            update_conflicts=True,
            update_fields=["created_at"],
            unique_fields=["channel_name"],
        )
        QuerySet(PresenceEvent).bulk_create(events)
        QuerySet(Presence).bulk_create(
            Presence(
                id=session,
                room_id=part.room,
                channel_name=part.channel,
                user_id=_key(part.user),
                joined_at=part.joined,
                touched_at=_seen(part),
                data=part.changes[-1][1] if part.changes else part.data,
                is_leased=False,
            )
            for session, part in stays
            if isinstance(part, Stay) and part.left is None
        )
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _at(event: PresenceEvent) -> datetime:
    return event.at


def _begins(part: Stay | RoomPruned) -> tuple[Any, ...]:
    if isinstance(part, RoomPruned):
        return (part.at, False, 1)
    return (part.joined, part.left != part.joined, 0)


def _numbers(sequence: str, count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def _events(session: int, part: Stay | RoomPruned) -> Iterator[PresenceEvent]:
    if isinstance(part, RoomPruned):
        yield PresenceEvent(kind="prune", room=part.room, at=part.at)
        return
    stay = {
        "room": part.room,
        "channel_name": part.channel,
        "user_id": _key(part.user),
        "session": session,
        "since": part.joined,
    }
    yield PresenceEvent(kind="join", at=part.joined, data=part.data, is_leased=False, **stay)
    for at, data in part.changes:
        yield PresenceEvent(kind="touch", at=at, data=data, **stay)
    if part.last_seen is not None:
        yield PresenceEvent(kind="touch", at=part.last_seen, **stay)
    if part.left is not None:
        yield PresenceEvent(kind=part.ended_by, at=part.left, last_seen=_seen(part), data=part.reason, **stay)


def _seen(stay: Stay) -> datetime:
    return max([stay.last_seen or stay.joined, *(at for at, _ in stay.changes)])


def _key(user: Any) -> Any:
    return user.pk if isinstance(user, Model) else user
