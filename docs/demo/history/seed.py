"""Writes a day of history into an empty log. Only this demo may do this.

The log takes the time of an event from the clock of the database. This module bypasses the triggers that guard the log,
which only a superuser can do, and which would be a forgery in a real project. It writes only what the triggers would
have accepted. The library makes the rooms from the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from random import Random
from string import ascii_letters
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from history.day import Day
from history.people import ALL_PEOPLE
from history.stay import Stay
from presence_events.models import PresenceEvent
from projections.final_reports.making import make_due_reports
from projections.final_reports.scheduling import schedule_report


def seed(day: Day | None = None) -> int:
    """Writes ``day``, by default the 24 hours before now, and returns the number of its stays.

    Writes nothing and returns 0 if the log has events: times increase with positions, so older events cannot be added.
    """
    day = day or Day(timezone.now())
    with transaction.atomic():
        written = 0 if PresenceEvent.objects.exists() else write(day)
    # Also if nothing was written: an earlier start that was stopped here has left a log without its rooms.
    call_command("replay_presence", verbosity=0, stdout=StringIO())
    if written:
        report(day)
    return written


def write(day: Day) -> int:
    """Writes the events of ``day`` and the accounts of its people. Returns the number of stays."""
    stays = day.stays()
    keys = accounts()
    chance = Random(20)  # noqa: S311, the names only have to differ
    numbers = next_numbers("presence_open_stay_id_seq", len(stays))
    events = [
        event
        for number, stay in zip(numbers, stays, strict=True)
        for event in events_of(stay, day, number, keys.get(stay.name), "".join(chance.choices(ascii_letters, k=12)))
    ]
    events.sort(key=lambda event: event.at)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        (tx,) = cursor.fetchone()
        for event, position in zip(events, next_numbers("presence_event_id_seq", len(events)), strict=True):
            event.id, event.tx = position, tx
        cursor.execute("SET LOCAL session_replication_role = replica")
        QuerySet(PresenceEvent).bulk_create(events, batch_size=1000)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return len(stays)


def report(day: Day) -> None:
    """Makes the final report of the meeting at two in the afternoon, to which all with an account were expected."""
    users = get_user_model().objects.filter(username__in=ALL_PEOPLE)
    schedule_report("all-hands", "All-hands meeting", day.at(14), day.at(15), expected=users)
    make_due_reports("default")


def accounts() -> dict[str | None, Any]:
    """Creates missing accounts, like the chat does without a usable password, and returns all keys by name."""
    users = get_user_model()
    users.objects.bulk_create(
        [users(username=name, password=make_password(None)) for name in ALL_PEOPLE], ignore_conflicts=True
    )
    return dict(users.objects.filter(username__in=ALL_PEOPLE).values_list("username", "pk"))


def next_numbers(sequence: str, count: int) -> list[int]:
    """Returns the next ``count`` numbers of ``sequence``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def events_of(stay: Stay, day: Day, number: int, user: Any, channel: str) -> Iterator[PresenceEvent]:
    """Yields the events of a stay. Of its heartbeats, these are only the ones with new data and the last one."""
    joined, seen, left = map(day.at, (stay.joined, stay.seen, stay.left))
    common = {
        "room": stay.room,
        "channel_name": f"specific.inmemory!{channel}",
        "user_id": user,
        "session": number,
        "since": joined,
    }
    here = {"device": stay.device}
    yield PresenceEvent(kind="join", at=joined, data=here, **common)
    if stay.away:
        for hour, data in zip(stay.away, ({**here, "status": "away"}, {**here, "status": "here"}), strict=True):
            yield PresenceEvent(kind="touch", at=day.at(hour), data=data, **common)
    if seen > joined:
        yield PresenceEvent(kind="touch", at=seen, **common)
    yield PresenceEvent(kind="prune" if stay.pruned else "leave", at=left, last_seen=seen, **common)
