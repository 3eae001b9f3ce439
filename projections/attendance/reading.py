"""Makes attendance reports from the stays of a room."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connections, models, router

from presence_events import sql, users, validation
from presence_events.concurrency import in_thread
from presence_events.databases.rooms import alias_of_room, chosen_by_room
from presence_events.models import PresenceEvent
from presence_events.segments import horizon
from presence_events.segments.catalogue import MayContain
from projections.attendance.activity import active_times
from projections.attendance.expected import Expected, keys_of
from projections.attendance.figures import Attendance, Attendee
from projections.models import Room
from projections.sessions import PresenceSession

__all__ = ["aattendance", "attendance", "database_of"]


def attendance(
    room: str | models.Model,
    start: datetime,
    end: datetime,
    expected: Expected | None = None,
    *,
    activity: bool = False,
    using: str | None = None,
) -> Attendance:
    """Returns who was in ``room``, a name or a `Room`, from ``start`` (included) to ``end`` (excluded).

    If ``end`` is in the future, the report covers the time until now. A room that never existed gives an empty report,
    which says so (`Attendance.is_known`).

    ``expected`` are the people who should have come: a queryset or a manager of users, an iterable of users or their
    keys, or a function that gets the name of the room and returns one of these.

    ``activity`` adds for how long people were active. That reads all touches of the log since the first of the stays
    began. ``using`` is the alias of the database.

    Raises `InvalidMoment` for a time that is naive, a ``start`` in the future, and an ``end`` that is not after
    ``start``; `InvalidRoomName` for what no room can be called; `InvalidUser` for someone expected who is no user.
    Raises `BeforeHorizon` if ``start`` is before the horizon, and `NotYetReplicated` if a replica has not reached it.
    """
    start, end = validation.span(start, end)
    name = validation.recorded_room_name(getattr(room, "channel_name", room))
    alias = database_of(room, using)
    keys = None if expected is None else keys_of(expected, name)
    horizons = horizon.read(alias)
    position = max(_last_position(alias), horizons.position)
    found = _figures(name, start, end, alias)
    until = found[0][0]
    active = active_times(name, start, until, alias) if activity else {}
    people, anonymous = _attendees(found, alias, keys, active)
    present = {attendee.user_id for attendee in people}
    return Attendance(
        room=name,
        start=start,
        end=end,
        until=until,
        position=position,
        complete_from=horizons.stays,
        is_known=bool(people or anonymous) or _is_known(name, alias),
        people=people,
        anonymous=anonymous,
        expected=None if keys is None else len(keys),
        missing=tuple(key for key in keys or () if key not in present),
    )


async def aattendance(
    room: str | models.Model,
    start: datetime,
    end: datetime,
    expected: Expected | None = None,
    *,
    activity: bool = False,
    using: str | None = None,
) -> Attendance:
    return await in_thread(partial(attendance, room, start, end, expected, activity=activity, using=using))


def database_of(room: str | models.Model, using: str | None) -> str:
    """Returns the alias of the database to read about ``room``: ``using``, or the one that the room is in."""
    if using is None and isinstance(room, models.Model):
        using = room._state.db
    if using is None and chosen_by_room():
        return alias_of_room(room)
    return using or router.db_for_read(PresenceSession)


def _figures(room: str, start: datetime, end: datetime, alias: str) -> list[tuple[Any, ...]]:
    """Returns when the report ends, with the figures of one person, in each row. Without people there is one row."""
    stays = PresenceSession.objects.using(alias).in_room(room).during(start, end).order_by()
    of_stays, more = stays.query.get_compiler(using=alias).as_sql()
    statement, names = sql.positional(sql.read("projections", "queries/attendance/report"))
    asked = {"start": start, "stop": end}
    with connections[alias].cursor() as cursor:
        # The parameters of the stays come last in the statement.
        cursor.execute(statement.format(stays=of_stays), (*(asked[name] for name in names), *more))
        return list(cursor.fetchall())


def _attendees(
    rows: list[tuple[Any, ...]], alias: str, expected: Collection[Any] | None, active: Mapping[Any, timedelta]
) -> tuple[tuple[Attendee, ...], Attendee | None]:
    """Returns the people in ``rows``, and the line of the anonymous connections."""
    known = None if expected is None else frozenset(expected)
    people, anonymous = [], None
    for _, key, first_in, *figures in rows:
        if key is not None:
            user_id = users.from_database(key, alias)
            is_expected = None if known is None else user_id in known
            known_more: Any = {"is_expected": is_expected, "active": active.get(user_id)}
            people.append(Attendee(user_id, first_in, *figures, **known_more))
        elif first_in is not None:
            anonymous = Attendee(None, first_in, *figures)
    return tuple(people), anonymous


def _last_position(alias: str) -> int:
    events = PresenceEvent.objects.using(alias).filter(MayContain("id", latest=True))
    return events.order_by("-id").values_list("id", flat=True).first() or 0


def _is_known(room: str, alias: str) -> bool:
    rooms = Room.objects.using(alias).filter(channel_name=room)
    events = PresenceEvent.objects.using(alias).filter(room=room).exclude(kind=PresenceEvent.Kind.TOUCH)
    return rooms.exists() or events.exists()
