"""Writes a day of history into an empty log. For this demo, and for nothing else.

The log takes the clock of the database for the time of an event, and no other. So this goes past the triggers that
guard it, which only a superuser can, and which in a project would be a forgery. What it writes is what they would have
let in. The rooms, it leaves to the library, which can make them from the log.
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
from history.people import EVERYBODY
from history.stay import Stay
from presence_events.models import PresenceEvent


def seed(day: Day | None = None) -> int:
    """Writes ``day``, by default the 24 hours before now, and returns how many stays there were in it.

    That is 0 if the log has events already: positions and times run in step, so no older ones can come after them.
    """
    with transaction.atomic():
        written = 0 if PresenceEvent.objects.exists() else write(day or Day(timezone.now()))
    # Not only if something was written: whoever was stopped right here the last time has a log without its rooms.
    call_command("replay_presence", verbosity=0, stdout=StringIO())
    return written


def write(day: Day) -> int:
    """The events of ``day``, and the accounts of those who were here. Returns how many stays there were."""
    stays = day.stays()
    keys = accounts()
    chance = Random(20)  # noqa: S311, for names that only have to differ
    numbers = draw("presence_id_seq", len(stays))
    events = [
        event
        for number, stay in zip(numbers, stays, strict=True)
        for event in told(stay, day, number, keys.get(stay.name), "".join(chance.choices(ascii_letters, k=12)))
    ]
    events.sort(key=lambda event: event.at)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text")
        (tx,) = cursor.fetchone()
        for event, position in zip(events, draw("presence_event_id_seq", len(events)), strict=True):
            event.id, event.tx = position, tx
        cursor.execute("SET LOCAL session_replication_role = replica")
        QuerySet(PresenceEvent).bulk_create(events, batch_size=1000)
        cursor.execute("SET LOCAL session_replication_role = origin")
    return len(stays)


def accounts() -> dict[str | None, Any]:
    """The keys of everybody, by name. Who has no account gets one as at the door of the chat: without a password."""
    users = get_user_model()
    users.objects.bulk_create(
        [users(username=name, password=make_password(None)) for name in EVERYBODY], ignore_conflicts=True
    )
    return dict(users.objects.filter(username__in=EVERYBODY).values_list("username", "pk"))


def draw(sequence: str, count: int) -> list[int]:
    """The next ``count`` numbers of ``sequence``."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])
        return [number for (number,) in cursor.fetchall()]


def told(stay: Stay, day: Day, number: int, user: Any, channel: str) -> Iterator[PresenceEvent]:
    """The events of a stay. Of its heartbeats only those that say something, and the last."""
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
