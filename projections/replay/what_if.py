"""What another maximal age would have done: the stays in which a connection was silent for longer than that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections

from presence_events import sql, validation
from presence_events.models import PresenceEvent
from projections.replay.fold import Progress, before_first, stretches
from projections.replay.repair import last_position, snapshot

__all__ = ["Silence", "silences"]


class Silence(NamedTuple):
    """The first silence in a stay that another maximal age would have taken for its end.

    ``would_end_at`` is when it would have been pruned at the earliest. The silence was ``broken_at`` by an event of the
    kind ``broken_by``; both are None if it goes on.
    """

    session: int | None
    room: str
    channel_name: str | None
    user_id: Any
    joined_at: datetime
    would_end_at: datetime
    broken_at: datetime | None
    broken_by: str | None


class _Found(NamedTuple):
    since: datetime
    position: int
    broken: bool


def silences(using: str, age: float, *, room: str | None = None, progress: Progress | None = None) -> Iterator[Silence]:
    """The stays of the whole log that a maximal age of ``age`` seconds would have ended, in the order of the log.

    In one snapshot; what is kept in memory is who was there at a time. Raises `InvalidAge`.
    """
    age = validation.age(age)
    limit = timedelta(seconds=age)
    seen: dict[int, tuple[datetime, int]] = {}
    told: set[int] = set()
    with snapshot(using), connections[using].cursor() as cursor:
        cursor.execute(sql.read("projections", "queries/replay/settings"))
        cursor.execute("SELECT statement_timestamp()")
        now = cursor.fetchone()[0]
        end = last_position(using)
        start = before_first(using, room, end)
        for stretch in stretches("signs of life", start, end, progress):
            found = []
            cursor.execute(sql.read("projections", "queries/replay/what_if"), {**stretch, "age": age, "room": room})
            for session, latest, ended, first_at, back, last_at, since, broke in cursor.fetchall():
                before, _ = seen.pop(session, (None, None))
                silence = None
                if before is not None and first_at - before > limit:
                    silence = _Found(before, back, True)
                elif since is not None:
                    silence = _Found(since, broke, True)
                if silence and session not in told:
                    told.add(session)
                    found.append(silence)
                if ended:
                    told.discard(session)
                else:
                    seen[session] = last_at, latest
            yield from _described(found, limit, using)
        lasting = [
            _Found(at, position, False)
            for session, (at, position) in seen.items()
            if now - at > limit and session not in told
        ]
        yield from _described(lasting, limit, using)


def _described(found: list[_Found], limit: timedelta, using: str) -> Iterator[Silence]:
    events = PresenceEvent.objects.using(using).in_bulk([silence.position for silence in found])
    for silence in sorted(found, key=lambda silence: silence.position):
        event = events[silence.position]
        yield Silence(
            event.session,
            event.room,
            event.channel_name,
            event.user_id,
            event.since,
            silence.since + limit,
            event.at if silence.broken else None,
            event.kind if silence.broken else None,
        )
