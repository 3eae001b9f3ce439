"""Writes the history of the dumps into an empty database: rows of every kind in every table.

The stays of the first days are written with given times. The last events are recorded as an application records them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import django

ROOMS = ("lobby", "support", "Büro 3")
BEGIN = datetime(2026, 3, 2, 8, tzinfo=UTC)


def write() -> None:
    """Writes into the default database. Needs Django to be set up."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.db import connection

    from presence_events.checkpoints import Reader
    from projections.models import DeadLetter, Leader, Presence, Room
    from tests import backdating, leases

    keys = [UUID(int=number) if settings.AUTH_USER_MODEL == "accounts.Account" else number for number in range(1, 6)]
    dice = random.Random(1)

    def stays() -> Iterator[backdating.Stay | backdating.RoomPruned]:
        yield backdating.Stay("hall", "early", None, BEGIN - timedelta(hours=3), BEGIN - timedelta(hours=2))
        yield backdating.RoomPruned("hall", BEGIN - timedelta(hours=1))
        for number in range(120):
            joined = BEGIN + timedelta(minutes=40 * number + dice.randrange(30))
            seen = joined + timedelta(seconds=dice.choice((20, 400, 5000)))
            is_silent = dice.random() < 0.3
            yield backdating.Stay(
                room=ROOMS[number % 3],
                channel=f"specific.{number % 7}!{number}",
                user=dice.choice((None, *keys)),
                joined=joined,
                left=None if number > 114 else seen + timedelta(seconds=dice.choice((1, 60))),
                ended_by="prune" if is_silent else "leave",
                last_seen=dice.choice((None, seen)),
                data=dice.choice((None, {"device": "phone", "tab": number}, ["ä", 1.5])),
                reason={"reason": "silent"} if is_silent else None,
            )

    backdating.write(*stays())
    Reader("projector", using="default").store()
    now = datetime.now(UTC)
    Leader.objects.create(name="projector", pid=1, role=1, key=1, since=now)
    DeadLetter.objects.create(worker="projector", receiver="site.receive", first=2, last=2, tries=3, error="ValueError")
    leases.beat("server 1", "server 2")
    leases.end_lease("server 2")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO presence_event (kind, room, channel_name, process) VALUES ('join', 'lobby', 'claimed', %s)",
            ["server 1"],
        )
    leases.put_on_lease("server 1", ("lobby", "claimed"))
    leases.join_leased("server 1", "lobby", "leased")
    ada = get_user_model().objects.create_user("ada", id=keys[0])
    Room.objects.add("lobby", "last", ada, {"device": "desk"})
    Presence.objects.touch("last", {"device": "phone"})
    Room.objects.add("support", "gone")
    Room.objects.remove("support", "gone")
    leases.beat("server 1")


if __name__ == "__main__":
    django.setup()
    write()
